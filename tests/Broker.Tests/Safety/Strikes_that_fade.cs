using CsCheck;
using TokenBroker.Safety;

namespace TokenBroker.Tests.Safety;

public sealed class Strikes_that_fade
{
    private static readonly Gen<long> Weights = Gen.Long[0, 1_000_000];
    private static readonly Gen<TimeSpan> HalfLives = Gen.Long[TimeSpan.TicksPerHour, TimeSpan.FromDays(3650).Ticks].Select(ticks => new TimeSpan(ticks));
    private static readonly Gen<TimeSpan> Ages = Gen.Long[0, TimeSpan.FromDays(20_000).Ticks].Select(ticks => new TimeSpan(ticks));

    [Fact]
    public void Are_whole_at_first_and_after_a_clock_was_set_back() => Gen.Select(Weights, HalfLives, Ages).Sample((weight, halfLife, age) =>
        StrikeDecay.Of(weight, TimeSpan.Zero, halfLife) == weight && StrikeDecay.Of(weight, -age, halfLife) == weight);

    [Fact]
    public void Are_worth_half_after_each_half_life() => Gen.Select(Weights, HalfLives, Gen.Int[0, 40]).Sample((weight, halfLife, times) =>
        StrikeDecay.Of(weight, new TimeSpan(halfLife.Ticks * times), halfLife) == (weight + (1L << times) - 1) >> times);

    [Fact]
    public void Are_whole_for_minutes_so_that_as_many_as_a_threshold_has_points_reach_it() =>
        StrikeDecay.Of(1000, TimeSpan.FromMinutes(30), TimeSpan.FromDays(30)).Should().Be(1000);

    [Fact]
    public void Never_grow_and_end_at_nothing() => Gen.Select(Weights, HalfLives, Ages, Ages).Sample((weight, halfLife, one, more) =>
        StrikeDecay.Of(weight, one + more, halfLife) <= StrikeDecay.Of(weight, one, halfLife)
            && StrikeDecay.Of(weight, one, halfLife) is >= 0
            && StrikeDecay.Of(weight, halfLife * 70, halfLife) == 0);

    [Fact]
    public void Weigh_the_more_the_more_there_are_and_the_later_they_came() => Gen.Select(HalfLives, Gen.Select(Weights, Ages).Array[1, 20]).Sample((halfLife, strikes) =>
    {
        var now = new DateTime(2060, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        var all = strikes.Select(s => (s.Item1, now - s.Item2)).ToList();
        return StrikeDecay.Sum(all, now, halfLife) >= StrikeDecay.Sum(all.Skip(1), now, halfLife)
            && StrikeDecay.Sum(all, now, halfLife) <= strikes.Sum(s => s.Item1);
    });

    [Fact]
    public void Pass_each_threshold_in_its_order() => Gen.Select(Gen.Int[1, 100], Gen.Int[0, 100], Gen.Int[0, 100], Gen.Long[0, 400_000], Gen.Long[0, 400_000]).Sample((warn, more, most, score, other) =>
    {
        var limits = new StrikeLimits { Warn = warn, Suspend = warn + more, Ban = warn + more + most };
        var (low, high) = (Math.Min(score, other), Math.Max(score, other));
        return limits.LevelOf(low) <= limits.LevelOf(high)
            && limits.LevelOf(limits.Ban * 1000L) == StrikeLevel.Ban
            && limits.LevelOf((limits.Warn * 1000L) - 1) == StrikeLevel.None;
    });
}
