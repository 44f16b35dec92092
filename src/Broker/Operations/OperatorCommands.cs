using System.CommandLine;
using System.Text.Json;
using TokenBroker.Accounts;

namespace TokenBroker.Operations;

/// <summary><c>operators add|remove|list</c>: the only way to make somebody a reviewer of apps.</summary>
internal static class OperatorCommands
{
    public static Command Create(string[] configuration)
    {
        var email = new Argument<string>("email") { Description = "The address of an account that exists." };
        var add = new Command("add", "Let this person review apps, from their next request on.") { email };
        add.SetAction((result, cancellationToken) => SetAsync(configuration, result.GetRequiredValue(email), true, cancellationToken));
        var remove = new Command("remove", "Take it away, from their next request on.") { email };
        remove.SetAction((result, cancellationToken) => SetAsync(configuration, result.GetRequiredValue(email), false, cancellationToken));

        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var list = new Command("list", "Who may review apps.") { json };
        list.SetAction((result, cancellationToken) => ListAsync(configuration, result.GetValue(json), cancellationToken));
        return new Command("operators", "The people who review apps.") { add, remove, list };
    }

    private static Task<int> SetAsync(string[] configuration, string email, bool isOperator, CancellationToken cancellationToken) =>
        WithOperatorsAsync(configuration, async operators =>
        {
            var changed = await operators.SetAsync(email, isOperator, cancellationToken);
            Console.WriteLine((isOperator, changed) switch
            {
                (true, true) => $"{email} can review apps now.",
                (true, false) => $"{email} could review apps before. Nothing was changed.",
                (false, true) => $"{email} cannot review apps any more.",
                (false, false) => $"{email} could not review apps before. Nothing was changed.",
            });
        }, cancellationToken);

    private static Task<int> ListAsync(string[] configuration, bool json, CancellationToken cancellationToken) =>
        WithOperatorsAsync(configuration, async operators =>
        {
            var emails = await operators.ListAsync(cancellationToken);
            Console.WriteLine(json ? JsonSerializer.Serialize(new { operators = emails })
                : emails.Count == 0 ? "Nobody. Add somebody with 'operators add EMAIL'."
                : string.Join(Environment.NewLine, emails));
        }, cancellationToken);

    private static Task<int> WithOperatorsAsync(string[] configuration, Func<Operators, Task> work, CancellationToken cancellationToken) => CommandLine.ExplainAsync(
        "The operators were not changed or listed",
        async () =>
        {
            await using var app = BrokerApplication.Create(configuration);
            await using var scope = app.Services.CreateAsyncScope();
            await CommandLine.RequireDatabaseAsync(scope.ServiceProvider, cancellationToken);
            await work(scope.ServiceProvider.GetRequiredService<Operators>());
            return 0;
        });
}
