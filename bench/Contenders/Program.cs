using TokenBroker.Bench.Contenders;

// One program, one role each time that it is started: every contender is a process of its own.
WebApplication app;
switch (args)
{
    case ["upstream", .. var rest]:
        app = Upstream.Create(rest);
        break;
    case ["yarp", .. var rest]:
        app = BareYarp.Create(rest);
        break;
    case ["authorizer", .. var rest]:
        app = Authorizer.Create(rest);
        break;
    case ["openiddict", .. var rest]:
        app = await StockServer.CreateAsync(rest);
        break;
    default:
        await Console.Error.WriteLineAsync("Give a role: upstream, yarp, authorizer or openiddict. The harness does.");
        return 1;
}

await app.RunAsync();
return 0;
