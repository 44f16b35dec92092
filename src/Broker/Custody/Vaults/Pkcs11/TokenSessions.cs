using System.Collections.Concurrent;
using System.Security.Cryptography;
using Net.Pkcs11Interop.Common;

namespace TokenBroker.Custody.Vaults.Pkcs11;

/// <summary>
/// The sessions of one vault: so many threads of their own, since PKCS#11 blocks, each with at most one session, opened
/// when it is needed and again when it was lost. A thread that hangs in the library holds up no caller: the callers' patience
/// ends without it, and what they no longer wait for is not begun.
/// </summary>
internal sealed class TokenSessions : IDisposable
{
    private static readonly TimeSpan WaitsForThreads = TimeSpan.FromSeconds(2);
    private readonly BlockingCollection<Action<Worker>> _work = [];
    private readonly Pkcs11Options _options;
    private readonly Pkcs11Module _module;
    private readonly TokenPin _pin;
    private readonly List<Thread> _threads;

    public TokenSessions(Pkcs11Options options)
    {
        (_options, _module, _pin) = (options, Pkcs11Module.Of(options.Library), new TokenPin(options));
        _threads = [.. Enumerable.Range(0, options.Sessions).Select(i => new Thread(Serve) { IsBackground = true, Name = $"pkcs11 {i}" })];
        _threads.ForEach(thread => thread.Start());
    }

    /// <summary>Runs it with a session, twice if the session or the token turns out to be lost.</summary>
    /// <param name="operation">What to run.</param>
    /// <param name="afterwards">Runs on the same thread when all is over, however it ended.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <inheritdoc cref="IKeyVault" path="/remarks"/>
    public async Task<T> RunAsync<T>(Func<TokenSession, T> operation, Action? afterwards, CancellationToken cancellationToken)
    {
        var outcome = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(
            worker =>
            {
                try
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    var result = worker.Run(operation);
                    if (cancellationToken.IsCancellationRequested && result is byte[] nobodyWaitsFor)
                    {
                        CryptographicOperations.ZeroMemory(nobodyWaitsFor);
                    }

                    outcome.TrySetResult(result);
                }
                catch (Exception exception)
                {
                    outcome.TrySetException(exception is Pkcs11Exception failure ? Pkcs11Failures.Translate(failure) : exception);
                }
                finally
                {
                    afterwards?.Invoke();
                }
            },
            cancellationToken);
        return await outcome.Task.WaitAsync(cancellationToken);
    }

    public void Dispose()
    {
        _work.CompleteAdding();
        if (_threads.TrueForAll(thread => thread.Join(WaitsForThreads)))
        {
            _work.Dispose();
        }
    }

    private void Serve()
    {
        using var worker = new Worker(_module, _options, _pin);
        foreach (var work in _work.GetConsumingEnumerable())
        {
            work(worker);
        }
    }

    private sealed class Worker(Pkcs11Module module, Pkcs11Options options, TokenPin pin) : IDisposable
    {
        private TokenSession? _session;

        public T Run<T>(Func<TokenSession, T> operation)
        {
            var generation = module.Generation;
            try
            {
                return Once(operation);
            }
            catch (Pkcs11Exception lost) when (Pkcs11Failures.IsOfSession(lost.RV))
            {
                Close();
            }
            catch (Pkcs11Exception lost) when (Pkcs11Failures.IsOfToken(lost.RV))
            {
                Close();
                if (!module.Restart(generation))
                {
                    throw;
                }
            }

            try
            {
                return Once(operation);
            }
            catch (Pkcs11Exception lost) when (Pkcs11Failures.IsOfSession(lost.RV) || Pkcs11Failures.IsOfToken(lost.RV))
            {
                Close();
                throw;
            }
        }

        public void Dispose() => Close();

        private T Once<T>(Func<TokenSession, T> operation) => module.Use(library =>
        {
            if (_session is { } old && old.Generation != module.Generation)
            {
                // Void with the generation that it was of; its number may be another's by now, so it is not closed.
                _session = null;
            }

            return operation(_session ??= TokenSession.Open(library, module.Generation, options, pin));
        });

        private void Close()
        {
            if (_session is { } session)
            {
                _session = null;
                if (session.Generation == module.Generation)
                {
                    module.Use(_ =>
                    {
                        session.Dispose();
                        return 0;
                    });
                }
            }
        }
    }
}
