using System.Globalization;
using System.Text;

namespace TokenBroker.Samples.Quickstart;

/// <summary>What a person reads first: what runs, where to click, and how to end it.</summary>
internal static class Welcome
{
    public static string To(QuickstartServers servers)
    {
        var text = new StringBuilder().AppendLine().AppendLine("  TokenBroker runs.").AppendLine();
        if (servers.PortNotice is { } notice)
        {
            text.AppendLine(Line($"  {notice}")).AppendLine();
        }

        text.AppendLine(Line($"     WebChat    {Address(servers.ChatUrl),-24} an app that wants to chat on your account"));
        text.AppendLine(Line($"     Portal     {Address(servers.BrokerUrl),-24} your broker: keys, apps, limits"));
        text.AppendLine(servers.SandboxUrl is { } sandbox
            ? Line($"     Sandbox    {Address(sandbox),-24} plays the model provider; nothing leaves this machine")
            : Line($"     Provider   {Address(servers.Upstream!)}"));
        text.AppendLine();
        text.AppendLine(Line($"  1. Open {Address(servers.ChatUrl)} and press \"Connect your AI account\"."));
        text.AppendLine("  2. Choose \"Create an account\": any e-mail address, with a passkey or a password.");
        AppendKey(text, servers);
        text.AppendLine("  4. Press Allow, then chat.");
        text.AppendLine(Line($"  5. Open {Address(servers.BrokerUrl)}, press \"End access\" in WebChat's details, and see the chat stop."));
        if (servers.SandboxUrl is not null)
        {
            text.AppendLine("     (Write [[events:2000]] in a message, and its answer takes half a minute.)");
        }

        text.AppendLine();
        text.AppendLine(Line($"  A restart finds all of this again, in {servers.DataDirectory}; --fresh starts anew."));
        text.AppendLine("  Ctrl-C stops.");
        return text.ToString();
    }

    private static void AppendKey(StringBuilder text, QuickstartServers servers)
    {
        if (servers.Upstream is { } upstream)
        {
            text.AppendLine(Line($"  3. Paste an API key of {upstream.Host}. It is kept encrypted, and only that host gets it."));
            return;
        }

        text.AppendLine("  3. Paste this key of the sandbox where the page asks for one:");
        text.AppendLine().AppendLine(Line($"        {servers.SandboxKey}")).AppendLine();
        text.AppendLine("     or a restricted one, which may chat but not list models:");
        text.AppendLine().AppendLine(Line($"        {servers.RestrictedSandboxKey}")).AppendLine();
    }

    private static string Address(Uri url) => url.AbsoluteUri.TrimEnd('/');

    private static string Line(FormattableString line) => line.ToString(CultureInfo.InvariantCulture);
}
