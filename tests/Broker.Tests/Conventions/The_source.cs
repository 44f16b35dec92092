using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace TokenBroker.Tests.Conventions;

public sealed class The_source
{
    private static readonly string Root = FindRoot();

    [Fact]
    public void Has_no_file_over_400_lines()
    {
        var long_files = Files("*.cs", "*.cshtml", "*.js", "*.css")
            .Select(file => (File: Path.GetRelativePath(Root, file), Lines: File.ReadLines(file).Count()))
            .Where(file => file.Lines > 400)
            .ToList();

        long_files.Should().BeEmpty();
    }

    [Fact]
    public void Has_nine_files_in_ten_under_200_lines()
    {
        var lines = Files("*.cs").Select(file => File.ReadLines(file).Count()).Order().ToList();

        lines[lines.Count * 9 / 10].Should().BeLessThan(200);
    }

    [Fact]
    public void Reveals_secrets_in_custody_alone()
    {
        var revealing = Files("*.cs")
            .Where(file => Regex.IsMatch(File.ReadAllText(file), @"\.Reveal(Text)?\("))
            .Select(file => Path.GetRelativePath(Path.Combine(Root, "src", "Broker"), file).Replace('\\', '/'))
            .Where(file => !file.StartsWith("Custody/", StringComparison.Ordinal) && !file.StartsWith("../", StringComparison.Ordinal));

        revealing.Should().BeEquivalentTo(
            ["Authorization/Keys/ServerKeys.cs", "Credit/PutUpKey.cs", "Pages/Keys/StoreKey.cs"],
            "the server's own keys are sealed by custody too, and a key on its way in is looked at; everything else goes through OpenKeys");
    }

    [Fact]
    public void Leaves_no_note_to_oneself()
    {
        Files("*.cs", "*.cshtml", "*.js", "*.css")
            .Where(file => Regex.IsMatch(File.ReadAllText(file), @"\b(TODO|FIXME|HACK|XXX)\b"))
            .Should().BeEmpty();
    }

    [Fact]
    public void Writes_nothing_inline_into_pages()
    {
        // The content security policy would block it in the browser, where nobody sees it.
        Files("*.cshtml")
            .Where(file => Regex.IsMatch(File.ReadAllText(file), @"\sstyle=|\son[a-z]+=|<script>|<style>|@Html\.Raw"))
            .Should().BeEmpty();
    }

    private static IEnumerable<string> Files(params string[] patterns) => patterns
        .SelectMany(pattern => Directory.EnumerateFiles(Path.Combine(Root, "src"), pattern, SearchOption.AllDirectories))
        .Where(file => !Regex.IsMatch(file, @"[\\/](bin|obj|Migrations)[\\/]"));

    private static string FindRoot([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));
}
