using OpenIddict.Server;
using OpenIddict.Validation;

namespace TokenBroker.Authorization;

/// <summary>
/// OpenIddict writes whole tokens, and what is inside them, at the level Trace. A token in a log is a live token to whoever
/// reads it, so these loggers have no such level, however the operator configures them.
/// </summary>
internal static class TokenlessLog
{
    public static void AddTokenlessLog(this IServiceCollection services)
    {
        services.AddSingleton<ILogger<OpenIddictServerDispatcher>, Tokenless<OpenIddictServerDispatcher>>();
        services.AddSingleton<ILogger<OpenIddictValidationDispatcher>, Tokenless<OpenIddictValidationDispatcher>>();
    }

    private sealed class Tokenless<T>(ILoggerFactory loggers) : ILogger<T>
    {
        private readonly ILogger _inner = loggers.CreateLogger<T>();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => _inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel > LogLevel.Trace && _inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel > LogLevel.Trace)
            {
                _inner.Log(logLevel, eventId, state, exception, formatter);
            }
        }
    }
}
