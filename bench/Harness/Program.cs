using System.CommandLine;
using TokenBroker.Bench;

var seconds = new Option<double>("--seconds") { Description = "Measured seconds of each contender at each concurrency.", HelpName = "N", DefaultValueFactory = _ => new BenchOptions().Seconds };
var quick = new Option<bool>("--quick") { Description = "A few seconds in all, to see that it works. Its figures mean little." };
var json = new Option<string?>("--json") { Description = "Write every round of every figure to this file.", HelpName = "FILE" };
var only = new Option<string?>("--only") { Description = $"One measure: {string.Join(", ", BenchRun.Measures.Keys)}.", HelpName = "NAME" };
var data = new Option<string?>("--data") { Description = "Where the databases go, such as a folder on the disk that matters. Default: the system's temporary folder.", HelpName = "DIR" };
only.AcceptOnlyFromAmong([.. BenchRun.Measures.Keys]);
seconds.Validators.Add(result =>
{
    if (result.GetValueOrDefault<double>() is < 0.5 or > 600)
    {
        result.AddError("--seconds takes a number from 0.5 to 600.");
    }
});

var root = new RootCommand("The broker with everything on, beside YARP, nginx and stock OpenIddict, on loopback and in one run. See bench/README.md.")
{
    seconds, quick, json, only, data,
};
root.SetAction((result, cancellationToken) => BenchRun.RunAsync(
    new BenchOptions
    {
        Seconds = result.GetValue(quick) ? 0.6 : result.GetValue(seconds),
        Quick = result.GetValue(quick),
        DataDirectory = result.GetValue(data),
    },
    result.GetValue(only),
    result.GetValue(json),
    cancellationToken));

// What was started is ended, also after Ctrl-C.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(15) });
