namespace TokenBroker.Metering;

/// <summary>Tells whoever runs calls, in this process and at once, that an account has no money for those that are open.</summary>
internal sealed class BudgetCuts
{
    private volatile Action<AccountId>? _listener;

    /// <summary>One listens: the gateway.</summary>
    public void Subscribe(Action<AccountId> listener) => _listener += listener;

    public void Publish(AccountId account) => _listener?.Invoke(account);
}
