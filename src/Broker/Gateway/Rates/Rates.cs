using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using TokenBroker.Metering;

namespace TokenBroker.Gateway;

/// <summary>
/// How often, how much and how many at a time: a call counts under its grant and those above it, under its app and under
/// its user, and every one of them must have room. The counters are this node's own, in memory: what a node forgets at
/// a restart is a minute. Money is what is kept exactly; see <see cref="BudgetLedger"/>.
/// </summary>
internal sealed class Rates(IOptions<GatewayOptions> options, TimeProvider time)
{
    private readonly ConcurrentDictionary<AccountId, AccountRate> _rates = new();
    private readonly long _ticksOfPart = time.TimestampFrequency * RateWindow.SecondsOfPart;

    private long Now => time.GetTimestamp() / _ticksOfPart;

    /// <returns>The lease of the call, to be disposed when it ends; refused ones hold nothing.</returns>
    public CallLease Enter(GrantFacts facts)
    {
        while (true)
        {
            var line = facts.Rates ??= LineOf(facts);
            if (TryEnter(line, Now) is { } lease)
            {
                return lease;
            }

            facts.Rates = null;
        }
    }

    /// <summary>Forgets who has not called for a while.</summary>
    public void DropOld()
    {
        foreach (var (account, rate) in _rates)
        {
            if (rate.TryClose(Now))
            {
                _rates.TryRemove(KeyValuePair.Create(account, rate));
            }
        }
    }

    private static CallLease? TryEnter(RateOfCall[] line, long part)
    {
        for (var i = 0; i < line.Length; i++)
        {
            var wait = line[i].Rate.TryEnter(line[i].Limits, part);
            if (wait == 0)
            {
                continue;
            }

            for (var taken = 0; taken < i; taken++)
            {
                line[taken].Rate.Undo(part);
            }

            return wait is { } seconds ? new CallLease(line, part, TimeSpan.FromSeconds(seconds)) : null;
        }

        return new CallLease(line, part, null);
    }

    private RateOfCall[] LineOf(GrantFacts facts)
    {
        var of = options.Value;
        var line = new List<RateOfCall>();
        foreach (var grant in facts.Line)
        {
            var requests = Math.Min(grant.RequestsPerMinute ?? int.MaxValue, of.RequestsPerMinute);
            line.Add(Of(new(AccountKind.Grant, grant.GrantId), new(requests, of.TokensPerMinute, of.ConcurrentCalls)));
        }

        if (facts.AppId is { } app)
        {
            line.Add(Of(new(AccountKind.App, app), new(of.RequestsPerMinuteOfApp, of.TokensPerMinuteOfApp, of.ConcurrentCallsOfApp)));
        }

        line.Add(Of(new(AccountKind.User, facts.UserId), new(of.RequestsPerMinuteOfUser, of.TokensPerMinuteOfUser, of.ConcurrentCallsOfUser)));
        return [.. line];
    }

    private RateOfCall Of(AccountId account, RateLimits limits) => new(_rates.GetOrAdd(account, static _ => new AccountRate()), limits);
}

/// <summary>One of the accounts of a call, and the limits that it has.</summary>
internal readonly record struct RateOfCall(AccountRate Rate, RateLimits Limits);
