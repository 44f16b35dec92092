namespace TokenBroker.Metering;

/// <summary>Whose limits a call counts against; the numbers stand in the database.</summary>
internal enum AccountKind
{
    /// <summary>A grant: one user's limit for one app. A call counts under its own and under those that it was cut from.</summary>
    Grant = 0,

    /// <summary>An app, over all its users: what its owner or the operator set.</summary>
    App = 1,

    /// <summary>A user, over all their apps: what they set themselves.</summary>
    User = 2,

    /// <summary>A user's credit with a sponsor: what was topped up, in all. It is used up and never begins anew.</summary>
    Credit = 3,
}

/// <summary>One of the accounts that a call counts under.</summary>
internal readonly record struct AccountId(AccountKind Kind, Guid Id)
{
    public override string ToString() => $"{Kind.ToString().ToLowerInvariant()}:{Id}";
}
