using Gateway.Load.Machine;

namespace Gateway.UnitTests.Load.Machine;

public class InterferenceTests
{
    // Ten seconds of four cores: processes had 18 s, interrupts 1 s, another machine 0.8 s.
    private const string Before = "cpu  1000 0 500 20000 100 10 20 30 7 0";
    private const string After = "cpu  2200 100 1000 22010 110 50 80 110 7 0";

    [Fact]
    public void Between_ServerOnThisMachine_OthersAreWhatNeitherHad()
    {
        Interference found = Between(clientSeconds: 5, serverCores: 1, cores: 4);

        Assert.Equal((1.9, 0.5, 1.0, 0.3), (Math.Round(found.Busy, 6), found.Client, found.Server, Math.Round(found.Others, 6)));
        Assert.Equal(0.02, found.StolenShare, 6);
        Assert.True(found.IsDisturbed);
        Assert.Equal("other processes had 0.3 cores, other machines 2 % of the time", found.Disturbance);
        Assert.False(found.IsFull);
    }

    [Fact]
    public void Between_ServerSaysNothing_OthersAreNotKnown() => Assert.Equal((-1.0, -1.0), (Between(5, -1, 4).Server, Between(5, -1, 4).Others));

    [Fact]
    public void Between_ContainerHeldToLess_OthersOnTheMachineAreNotInTheWay()
    {
        Interference found = Between(5, 1.45, cores: 2);

        Assert.Equal((1.95, -1.0), (found.Busy, found.Others));
        Assert.True(found.IsFull);
    }

    [Fact]
    public void Between_KernelThatSaysNothing_IsNotKnown()
    {
        Interference found = Interference.Between(null, null, 10, 5, 1, 4, 4);

        Assert.Equal((-1.0, -1.0, 0.0), (found.Busy, found.Others, found.StolenShare));
        Assert.False(found.IsDisturbed);
    }

    [Theory]
    [InlineData(2, 0.09, 0, false)]
    [InlineData(2, 0.11, 0, true)]
    [InlineData(64, 0.5, 0, false)]
    [InlineData(64, 0.7, 0, true)]
    [InlineData(2, 0, 0.009, false)]
    [InlineData(2, -1, 0.011, true)]
    public void IsDisturbed_OthersOrStolen_FromSomeOnItIs(double cores, double others, double stolen, bool isDisturbed) =>
        Assert.Equal(isDisturbed, new Interference(cores, 1, 0.1, 0.1, others, stolen).IsDisturbed);

    [Theory]
    [InlineData("")]
    [InlineData("cpu  1 2 3")]
    [InlineData("cpu0 1 2 3 4 5 6 7 8 9")]
    [InlineData("cpu  1 2 3 x 5 6 7 8 9")]
    public void Parse_LineThatIsNone_IsNull(string line) => Assert.Null(CpuTimes.Parse(line));

    [Fact]
    public void Read_ThisMachine_GrowsWithTime() => Assert.InRange(CpuTimes.Read()!.Value.Processes, 0.01, CpuTimes.Read()!.Value.All);

    private static Interference Between(double clientSeconds, double serverCores, double cores) =>
        Interference.Between(CpuTimes.Parse(Before), CpuTimes.Parse(After), 10, clientSeconds, serverCores, cores, online: 4);
}
