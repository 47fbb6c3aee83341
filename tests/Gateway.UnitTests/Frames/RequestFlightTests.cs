using Gateway.Server.Calls;

namespace Gateway.UnitTests.Frames;

public sealed class RequestFlightTests
{
    [Fact]
    public void EndFlight_NotAnswered_EndsIt()
    {
        Flight flight = new();
        flight.BeginFlight();

        Assert.True(flight.EndFlight());
        Assert.Equal(0, flight.Landed);
    }

    [Fact]
    public async Task EndFlight_AnsweredBefore_SaysSoAndDoesNotWait()
    {
        Flight flight = new();
        flight.BeginFlight();
        flight.OnAnswered(null!);

        Assert.False(await Task.Run(flight.EndFlight, TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System, TestContext.Current.CancellationToken));
        Assert.Equal(1, flight.Landed);
    }

    private sealed class Flight : RequestFlight
    {
        public int Landed { get; private set; }

        protected override void HandOver() => Landed++;
    }
}
