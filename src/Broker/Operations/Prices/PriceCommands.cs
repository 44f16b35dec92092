using System.CommandLine;
using System.Text.Json;
using TokenBroker.Upstreams;

namespace TokenBroker.Operations.Prices;

/// <summary><c>prices list|import|reset</c>: what calls are charged by.</summary>
internal static class PriceCommands
{
    public static Command Create(string[] configuration)
    {
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would change, and change nothing." };

        var model = new Option<string?>("--model") { Description = "Show what this model's name is charged by, as an app would send it." };
        var list = new Command("list", "Show the price lists, or one model's rates. Ends with 1 where the model has no price.") { model, json };
        list.SetAction((result, cancellationToken) => WithPricesAsync(
            configuration, "The prices were not listed",
            services => ListPrices.RunAsync(services, result.GetValue(model), result.GetValue(json), cancellationToken), cancellationToken));

        var file = new Argument<FileInfo>("file") { Description = "A data file of genai-prices (data.json or data_slim.json), or a list of the shape of the embedded ones." };
        var asOf = new Option<string?>("--as-of") { Description = "The date of the file, as yyyy-MM-dd. Without it, the day that the file was last written." };
        var providers = new Option<string[]>("--provider")
        {
            Description = "Take this provider only; may be given again. Without it, those that the configured upstreams are charged by.",
        };
        var import = new Command(
            "import",
            "Take prices from a file in place of the embedded ones. Running brokers use them within seconds; calls that are under way keep the price they "
            + "began at. A file that cannot be read whole changes nothing.") { file, providers, asOf, dryRun, json };
        import.SetAction((result, cancellationToken) => WithPricesAsync(
            configuration, "No prices were imported",
            services => ImportPrices.RunAsync(
                services,
                new ImportRequest(result.GetRequiredValue(file), result.GetValue(providers) ?? [], result.GetValue(asOf), result.GetValue(dryRun), result.GetValue(json)),
                cancellationToken),
            cancellationToken));

        var id = new Argument<string>("list") { Description = "The list's id, such as openai." };
        var reset = new Command("reset", "Forget an imported list: the configured or embedded one holds again.") { id, json };
        reset.SetAction((result, cancellationToken) => WithPricesAsync(
            configuration, "The list was not reset",
            services => ResetPrices.RunAsync(services, result.GetRequiredValue(id), result.GetValue(json), cancellationToken), cancellationToken));
        return new Command("prices", "What calls are charged by.") { list, import, reset };
    }

    private static Task<int> WithPricesAsync(string[] configuration, string failed, Func<IServiceProvider, Task<int>> work, CancellationToken cancellationToken) =>
        CommandLine.ExplainAsync(failed, async () =>
        {
            await using var app = BrokerApplication.Create(configuration);
            await using var scope = app.Services.CreateAsyncScope();
            await CommandLine.RequireDatabaseAsync(scope.ServiceProvider, cancellationToken);
            try
            {
                await scope.ServiceProvider.GetRequiredService<PriceBook>().RefreshAsync(cancellationToken);
                return await work(scope.ServiceProvider);
            }
            catch (JsonException exception)
            {
                throw new InvalidDataException(exception.Message, exception);
            }
        });
}
