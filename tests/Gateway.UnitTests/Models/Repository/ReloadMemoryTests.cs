using Gateway.Core.Models.Repository;
using Gateway.TestSupport;
using Gateway.UnitTests.OnnxRuntime;

namespace Gateway.UnitTests.Models.Repository;

[Collection(OrtTests.Name)]
public sealed class ReloadMemoryTests
{
    // Weights of 4 MiB, which are in memory twice (as read, and as packed for the matrix product): two hundred models left open would hold 1.6 GiB.
    private const int Side = 1024;
    private const int Reloads = 200;
    private const long AllowedGrowth = 48L << 20;

    // A leak grows each time; what other tests have left to be done in the background does not.
    private const int Attempts = 3;

    private int _writes;

    [Fact]
    public async Task Load_AgainAndAgain_GivesNativeMemoryBack()
    {
        await using TestRepository repository = new(new RepositoryOptions([]) { Mode = ModelControlMode.Explicit });
        string folder = Directory.CreateDirectory(Path.Combine(repository.Path, "m", "1")).FullName;
        for (int i = 0; i < 2; i++) await File.WriteAllBytesAsync(Path.Combine(folder, $".{i}"), OnnxFile.Constant(i, Side), TestContext.Current.CancellationToken);
        await ReloadAsync(repository, folder, 10);
        List<long> grown = [];
        do
        {
            long before = ResidentBytes();
            await ReloadAsync(repository, folder, Reloads);
            grown.Add(ResidentBytes() - before);
        }
        while (grown[^1] >= AllowedGrowth && grown.Count < Attempts);

        TestContext.Current.TestOutputHelper?.WriteLine($"resident: {ResidentBytes() >> 20} MiB, grown by {string.Join(", ", grown.Select(bytes => bytes >> 20))} MiB in {Reloads} reloads each");
        Assert.True(grown[^1] < AllowedGrowth, $"the process grew by {string.Join(", ", grown.Select(bytes => bytes >> 20))} MiB in {Reloads} reloads each time");
    }

    private async Task ReloadAsync(TestRepository repository, string folder, int times)
    {
        for (int i = 0; i < times; i++)
        {
            long last = i == 0 ? 0 : repository.Catalog.Find("m", 0).Generation;
            string file = Path.Combine(folder, "model.onnx");
            File.Copy(Path.Combine(folder, $".{i % 2}"), file, overwrite: true);
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch.AddSeconds(++_writes));
            await repository.Repository.LoadAsync("m");
            Assert.True(repository.Catalog.Find("m", 0).Generation > last);
        }

        await repository.Repository.Find("m")!.WhenDrainedAsync();
    }

    private static long ResidentBytes()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
