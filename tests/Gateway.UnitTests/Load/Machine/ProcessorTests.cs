using Gateway.Load.Machine;

namespace Gateway.UnitTests.Load.Machine;

public sealed class ProcessorTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("gateway-load-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void UsableIn_NoContainer_IsAllThereAre()
    {
        Machine(8, "0::/user.slice/session\n4:cpuset,cpu:/");
        Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
        Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
        Write("sys/fs/cgroup/user.slice/cpu.max", "max 100000");

        Assert.Equal(8, Processor.UsableIn(_root.FullName));
    }

    [Theory]
    [InlineData("250000 100000", "0-7", 2.5)]
    [InlineData("max 100000", "0-2,6", 4)]
    [InlineData("150000 100000", "3", 1)]
    [InlineData("", "", 8)]
    [InlineData("x y z", "a-b", 8)]
    public void UsableIn_ContainerOfVersion2_IsTheLeastOfQuotaAndSet(string quota, string set, double cores)
    {
        Machine(8, "0::/");
        Write("sys/fs/cgroup/cpu.max", quota);
        Write("sys/fs/cgroup/cpuset.cpus.effective", set);

        Assert.Equal(cores, Processor.UsableIn(_root.FullName));
    }

    [Fact]
    public void UsableIn_GroupAboveIsHeldBack_CountsToo()
    {
        Machine(8, "0::/pod/container");
        Write("sys/fs/cgroup/pod/cpu.max", "300000 100000");
        Write("sys/fs/cgroup/pod/container/cpu.max", "max 100000");

        Assert.Equal(3, Processor.UsableIn(_root.FullName));
    }

    [Fact]
    public void UsableIn_ContainerOfVersion1_IsTheLeastOfQuotaAndSet()
    {
        // The path is that of the host, of which the container sees only its own group.
        Machine(8, "5:cpuset:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc");
        Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000");
        Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000");
        Assert.Equal(4, Processor.UsableIn(_root.FullName));

        Write("sys/fs/cgroup/cpuset/cpuset.effective_cpus", "1-3");
        Assert.Equal(3, Processor.UsableIn(_root.FullName));
    }

    [Fact]
    public void Usable_ThisMachine_IsSomeOfItsCpus() => Assert.InRange(Processor.Usable, 0.01, Processor.Online);

    private void Machine(int cpus, string groups)
    {
        Write("proc/cpuinfo", string.Concat(Enumerable.Range(0, cpus).Select(cpu => $"processor\t: {cpu}\nmodel name\t: x\n\n")));
        Write("proc/self/cgroup", groups);
    }

    private void Write(string file, string text)
    {
        string path = Path.Combine(_root.FullName, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text + "\n");
    }
}
