namespace TokenBroker.Safety;

/// <summary>Who a sanction meets: a person or an app.</summary>
internal readonly record struct Subject(Guid? UserId, Guid? AppId)
{
    public static Subject User(Guid id) => new(id, null);

    public static Subject App(Guid id) => new(null, id);

    public override string ToString() => UserId is { } userId ? $"user:{userId}" : $"app:{AppId}";
}
