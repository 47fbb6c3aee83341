using Gateway.Server.Metrics;

namespace Gateway.UnitTests.Metrics;

public sealed class MachineUsageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("proc").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Utilization_BetweenTwoCalls_IsTheBusyShare()
    {
        Write("stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n");
        MachineUsage usage = new(_folder);

        Write("stat", "cpu  130 0 130 710 130 0 0 0 0 0\n");

        Assert.Equal(0.6, usage.Utilization());
        Assert.Equal(0.6, usage.Utilization());
    }

    [Fact]
    public void Memory_Available_IsWhatIsNotUsed()
    {
        Write("meminfo", "MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:   400 kB\n");

        Assert.Equal((1_024_000, 614_400), new MachineUsage(_folder).Memory());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("cpu  a b c d e f g h i j\n")]
    [InlineData("MemTotal: 1000 kB\n")]
    public void Read_WhatIsNotThere_IsNull(string? content)
    {
        if (content is not null)
        {
            Write("stat", content);
            Write("meminfo", content);
        }

        MachineUsage usage = new(_folder);

        Assert.Null(usage.Utilization());
        Assert.Null(usage.Memory());
    }

    private void Write(string file, string content) => File.WriteAllText(Path.Combine(_folder, file), content);
}
