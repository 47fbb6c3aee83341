using Gateway.Core.Models.Repository;
using Gateway.TestSupport;
using Gateway.UnitTests.OnnxRuntime;

namespace Gateway.UnitTests.Models.Repository;

[Collection(OrtTests.Name)]
public sealed class ReloadMemoryTests
{
    // Weights of 4 MiB, which are in memory twice (as read, and as packed for the matrix product): fifty models left open would hold 400 MiB.
    private const int Side = 1024;
    private const int Reloads = 50;
    private const long AllowedGrowth = 48L << 20;

    [Fact]
    public async Task Load_AgainAndAgain_GivesNativeMemoryBack()
    {
        await using TestRepository repository = new(new RepositoryOptions([]) { Mode = ModelControlMode.Explicit });
        await ReloadAsync(repository, 10, 0);
        long before = ResidentBytes();

        await ReloadAsync(repository, Reloads, 10);

        long grown = ResidentBytes() - before;
        Assert.True(grown < AllowedGrowth, $"the process grew by {grown >> 20} MiB in {Reloads} reloads");
    }

    private static async Task ReloadAsync(TestRepository repository, int times, int from)
    {
        for (int i = from; i < from + times; i++)
        {
            string folder = Directory.CreateDirectory(Path.Combine(repository.Path, "m", "1")).FullName;
            await File.WriteAllBytesAsync(Path.Combine(folder, "model.onnx"), OnnxFile.Constant(i, Side), TestContext.Current.CancellationToken);
            await repository.Repository.LoadAsync("m");
            Assert.Equal(Side, repository.Catalog.Find("m", 0).Inputs[0].ClientDims[0]);
        }

        await repository.Repository.Find("m")!.WhenDrainedAsync();
    }

    private static long ResidentBytes()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
