using Microsoft.Extensions.Time.Testing;
using TokenBroker.Custody.Vaults;

namespace TokenBroker.Tests.Custody.Outages;

public sealed class Leaving_a_vault_alone
{
    private static readonly Exception Trouble = new TimeoutException();
    private readonly FakeTimeProvider _clock = new();
    private readonly Breaker _breaker;

    public Leaving_a_vault_alone() => _breaker = new Breaker(_clock);

    [Fact]
    public void Lets_everybody_in_while_all_is_well()
    {
        for (var i = 0; i < 10; i++)
        {
            _breaker.TryEnter(out _, out var isTrial).Should().BeTrue();
            isTrial.Should().BeFalse();
        }
    }

    [Fact]
    public void Lets_one_try_once_the_pause_is_over_and_nobody_beside_it()
    {
        _breaker.Failed(Trouble, null, isTrial: false);
        _breaker.TryEnter(out var wait, out _).Should().BeFalse();
        wait.Should().BePositive();
        _clock.Advance(TimeSpan.FromSeconds(1));

        _breaker.TryEnter(out _, out var isTrial).Should().BeTrue();

        isTrial.Should().BeTrue();
        _breaker.TryEnter(out _, out _).Should().BeFalse();
        _breaker.Succeeded(isTrial: true);
        _breaker.TryEnter(out _, out _).Should().BeTrue();
        _breaker.Failure.Should().BeNull();
    }

    [Fact]
    public void Is_not_talked_round_by_an_answer_that_was_on_its_way_before()
    {
        _breaker.TryEnter(out _, out var early).Should().BeTrue();
        _breaker.Failed(Trouble, TimeSpan.FromSeconds(7), isTrial: false);

        _breaker.Succeeded(early);

        _clock.Advance(TimeSpan.FromSeconds(6.9));
        _breaker.TryEnter(out _, out _).Should().BeFalse("it was asked to wait for seven seconds");
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        _breaker.TryEnter(out _, out _).Should().BeTrue();
    }

    [Fact]
    public void Waits_longer_after_each_failed_try_and_never_longer_than_five_seconds()
    {
        _breaker.Failed(Trouble, null, isTrial: false);
        var pauses = new List<TimeSpan>();
        for (var i = 0; i < 8; i++)
        {
            _breaker.TryEnter(out var wait, out _).Should().BeFalse();
            pauses.Add(wait);
            _clock.Advance(wait);
            _breaker.TryEnter(out _, out var isTrial).Should().BeTrue();
            _breaker.Failed(Trouble, null, isTrial);
        }

        pauses.Should().BeInAscendingOrder();
        pauses[^1].Should().Be(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void Counts_many_that_fail_together_as_one_failure()
    {
        for (var i = 0; i < 100; i++)
        {
            _breaker.Failed(Trouble, null, isTrial: false);
        }

        _breaker.TryEnter(out var wait, out _).Should().BeFalse();
        wait.Should().BeLessThanOrEqualTo(TimeSpan.FromSeconds(0.5));
    }

    [Fact]
    public void Lets_another_try_where_the_one_that_tried_went_away()
    {
        _breaker.Failed(Trouble, null, isTrial: false);
        _clock.Advance(TimeSpan.FromSeconds(1));
        _breaker.TryEnter(out _, out var isTrial).Should().BeTrue();

        _breaker.GaveUp(isTrial);

        _breaker.TryEnter(out _, out isTrial).Should().BeTrue();
        isTrial.Should().BeTrue();
    }
}
