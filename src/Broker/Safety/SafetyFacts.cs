namespace TokenBroker.Safety;

/// <summary>A sanction as a call meets it.</summary>
/// <param name="OfTheApp">Whether it is the app's; the person's otherwise.</param>
/// <param name="Until">Null for one that lasts until it is lifted.</param>
internal sealed record SanctionInForce(bool OfTheApp, DateTime? Until);

/// <summary>What a call needs to know of the safety of its grant; read with the grant's other facts, then unchanged.</summary>
internal sealed record SafetyFacts
{
    public SafetyFacts(string identifier, bool isNamed, bool isAskedFor, IReadOnlyList<SanctionInForce> sanctions)
    {
        (IsAskedFor, Sanctions) = (isAskedFor, sanctions);
        Value = $"\"{identifier}\"";
        Member = !isNamed ? null : $"\"safety_identifier\":{Value},";
    }

    /// <summary>The person's pseudonym as a JSON string.</summary>
    public string Value { get; }

    /// <summary>The member of a request that carries it, with the comma behind; null for a provider that knows no such member.</summary>
    public string? Member { get; }

    /// <summary>Whether the person, the app's owner, or the operator for this app wants every call moderated.</summary>
    public bool IsAskedFor { get; }

    /// <summary>Those in force when this was read; one may be over since.</summary>
    public IReadOnlyList<SanctionInForce> Sanctions { get; }

    /// <summary>The sanction that stops a call now; the person's own before the app's.</summary>
    public SanctionInForce? SanctionAt(DateTime now)
    {
        foreach (var sanction in Sanctions)
        {
            if (sanction.Until is null || sanction.Until > now)
            {
                return sanction;
            }
        }

        return null;
    }
}
