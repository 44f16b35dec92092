using System.CommandLine;
using System.CommandLine.Invocation;
using TokenBroker.Samples.Quickstart.Check;

namespace TokenBroker.Samples.Quickstart;

/// <summary>The command line: run the three servers until Ctrl-C, or <c>--check</c> them and end.</summary>
internal static class QuickstartCommand
{
    private static readonly Option<bool> CheckOption = new("--check")
    {
        Description = "Play the whole job over HTTP, on free ports and throwaway data, and say what passed.",
    };

    private static readonly Option<int?> PortBase = new("--port-base")
    {
        Description = $"Broker at N, sandbox at N+10, WebChat at N+100. Default: {Ports.DefaultBase}, or free ports where one of those is taken.",
        HelpName = "N",
    };

    private static readonly Option<string?> Data = new("--data")
    {
        Description = "Where accounts, keys and grants are kept. Default: a folder in your local application data.",
        HelpName = "DIR",
    };

    private static readonly Option<bool> Fresh = new("--fresh") { Description = "Forget what an earlier run kept." };

    private static readonly Option<Uri?> Upstream = new("--upstream")
    {
        Description = "Forward to this provider, such as https://api.openai.com/v1, in place of the sandbox.",
        HelpName = "URL",
        CustomParser = result => QuickstartOptions.ReadUpstream(result.Tokens[0].Value, out var complaint) ?? Refuse(result, complaint),
    };

    public static async Task<int> RunAsync(string[] args)
    {
        PortBase.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1024 or > 65_000)
            {
                result.AddError("--port-base takes a number from 1024 to 65000.");
            }
        });
        var root = new RootCommand("TokenBroker in one process: a broker, a chat app that uses it, and a sandbox provider that needs no network and no account.")
        {
            CheckOption, PortBase, Data, Fresh, Upstream,
        };
        root.Validators.Add(result =>
        {
            if (result.GetValue(CheckOption) && (result.GetResult(Data) ?? result.GetResult(PortBase) ?? result.GetResult(Upstream)) is not null)
            {
                result.AddError("--check chooses its own ports, data and provider: give it alone.");
            }
        });
        root.SetAction((result, cancellationToken) => result.GetValue(CheckOption)
            ? CheckRun.RunAsync(Console.Out, cancellationToken)
            : ServeAsync(OptionsOf(result), cancellationToken));

        var parsed = root.Parse(args);
        if (parsed.Action is ParseErrorAction error)
        {
            error.ShowHelp = false;
        }

        // Three servers may need a moment each for what is still open.
        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(10) });
    }

    private static QuickstartOptions OptionsOf(ParseResult result) => new()
    {
        PortBase = result.GetValue(PortBase),
        DataDirectory = result.GetValue(Data),
        Fresh = result.GetValue(Fresh),
        Upstream = result.GetValue(Upstream),
    };

    private static async Task<int> ServeAsync(QuickstartOptions options, CancellationToken cancellationToken)
    {
        QuickstartServers servers;
        try
        {
            servers = await QuickstartServers.StartAsync(options, cancellationToken);
        }
        catch (Exception exception)
        {
            await Console.Error.WriteLineAsync($"The quickstart did not start. {exception.Message}");
            return 1;
        }

        await using (servers)
        {
            await Console.Out.WriteLineAsync(Welcome.To(servers));
            await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await Console.Out.WriteLineAsync("Stopped.");
        return 0;
    }

    private static Uri? Refuse(System.CommandLine.Parsing.ArgumentResult result, string? complaint)
    {
        result.AddError($"--upstream {complaint}");
        return null;
    }
}
