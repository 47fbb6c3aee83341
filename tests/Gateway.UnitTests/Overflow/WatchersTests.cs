using System.Globalization;
using Gateway.Server.Overflow;
using Gateway.TestSupport;
using Microsoft.AspNetCore.Http;

namespace Gateway.UnitTests.Overflow;

public sealed class WatchersTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly GatewayIdentity _self = new();
    private readonly Watchers _watchers;

    public WatchersTests() => _watchers = new Watchers(_self, new OverflowSettings(TimeSpan.FromMilliseconds(100), null, _time));

    [Fact]
    public void Have_OnlyWhoHasAsked_AndItself()
    {
        _watchers.Note(From("0123456789abcdef"));

        Assert.True(_watchers.Have(From("0123456789abcdef")));
        Assert.True(_watchers.Have(From(_self.InstanceText)));
        Assert.False(_watchers.Have(From("0123456789abcdee")));
        Assert.False(_watchers.Have(new HeaderDictionary()));
    }

    [Fact]
    public void Have_WhoHasNotAskedForAMinute_IsForgotten()
    {
        _watchers.Note(From("0123456789abcdef"));

        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.True(_watchers.Have(From("0123456789abcdef")));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.False(_watchers.Have(From("0123456789abcdef")));
    }

    [Fact]
    public void Period_IsTheLongestOfThoseThatWatchNow()
    {
        Assert.False(_watchers.IsAny);
        _watchers.Note(From("0123456789abcdef", 500));
        _watchers.Note(From("0123456789abcdee", 1000));
        _watchers.Note(From("0123456789abcded"));
        Assert.Equal(TimeSpan.FromMilliseconds(1000), _watchers.Period);

        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.FromMilliseconds(1000), _watchers.Period);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.False(_watchers.IsAny);
    }

    [Fact]
    public void TryWarmUp_AsManyAsTwentySendAtTheirStart_AndThenOneASecond()
    {
        Assert.Equal(40, Passed(1000));
        _time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal(0, Passed(10));
        _time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.Equal(1, Passed(10));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(40, Passed(1000));

        int Passed(int count) => Enumerable.Range(0, count).Count(_ => _watchers.TryWarmUp());
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData(1L << 20, true)]
    [InlineData((1L << 20) + 1, false)]
    public void WarmUp_OfItsSizeAlone_Passes(long? bytes, bool passes) => Assert.Equal(passes, new WarmUpCall(_watchers, bytes).TryPass());

    [Fact]
    public void Note_MoreThanAreKept_WhoHasNotAskedForLongestIsForgotten()
    {
        for (int i = 0; i < 3000; i++)
        {
            _watchers.Note(From(i.ToString("x16", CultureInfo.InvariantCulture)));
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }

        int[] known = [.. Enumerable.Range(0, 3000).Where(i => _watchers.Have(From(i.ToString("x16", CultureInfo.InvariantCulture))))];
        Assert.Equal(Enumerable.Range(3000 - 1024, 1024), known);
    }

    private static HeaderDictionary From(string instance, int? period = null)
    {
        HeaderDictionary headers = new() { ["Gateway-Origin"] = instance };
        if (period is { } milliseconds) headers["Gateway-Poll-Ms"] = milliseconds.ToString(CultureInfo.InvariantCulture);
        return headers;
    }
}
