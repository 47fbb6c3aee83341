using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.TestSupport;
using Gateway.UnitTests.OpenInference;

namespace Gateway.UnitTests.Models.Repository;

public sealed class RepositoryPollerTests
{
    [Fact]
    public async Task Look_Changed_LoadsAtTheSecondLook()
    {
        await using ScriptedRepository repository = await LoadedAsync();
        repository.Write("m", ScriptedBackend.Script(2000)).Write("new", ScriptedBackend.Script(5));

        await repository.LookAsync();
        Assert.Equal(1, await repository.AddsAsync("m"));
        await repository.LookAsync();

        Assert.Equal((2000, 5), (await repository.AddsAsync("m"), await repository.AddsAsync("new")));
        int loads = repository.Backend.Loads;
        await repository.LookAsync();
        await repository.LookAsync();
        Assert.Equal(loads, repository.Backend.Loads);
    }

    [Fact]
    public async Task Look_FileThatGrows_IsLeftUntilItLiesStill()
    {
        await using ScriptedRepository repository = await LoadedAsync();
        string script = ScriptedBackend.Script(12345);
        for (int length = 1; length <= script.Length; length++)
        {
            repository.Write("m", script[..length]);
            await repository.LookAsync();
            Assert.Equal(1, await repository.AddsAsync("m"));
        }

        await repository.LookAsync();

        Assert.Equal(12345, await repository.AddsAsync("m"));
        Assert.Equal(2, repository.Backend.Loads);
    }

    [Fact]
    public async Task Look_CopyThatStops_FailsOnceAndTheRestLoads()
    {
        await using ScriptedRepository repository = await LoadedAsync();
        repository.Write("m", "add 77 wid");
        for (int i = 0; i < 5; i++) await repository.LookAsync();
        Assert.Equal(["m 1 Ready: the last load failed: version 1: the file is cut off"], repository.Index());
        Assert.Equal((1, 2), (await repository.AddsAsync("m"), repository.Backend.Loads));

        repository.Write("m", ScriptedBackend.Script(77));
        await LookTwiceAsync(repository);

        Assert.Equal(77, await repository.AddsAsync("m"));
        Assert.Equal(["m 1 Ready"], repository.Index());
    }

    [Fact]
    public async Task Look_NewVersionBesideAServedOne_PolicyDecidesAnew()
    {
        await using ScriptedRepository repository = await LoadedAsync();
        repository.Write("m", ScriptedBackend.Script(22), version: 2);
        await LookTwiceAsync(repository);
        Assert.Equal(22, await repository.AddsAsync("m"));

        Directory.Delete(repository.In("m", "2"), recursive: true);
        await LookTwiceAsync(repository);

        Assert.Equal(1, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Look_ModelsFolderIsGone_UnloadsAndForgets()
    {
        await using ScriptedRepository repository = await LoadedAsync();
        Directory.Delete(repository.In("m"), recursive: true);

        await repository.LookAsync();
        Assert.Equal(1, await repository.AddsAsync("m"));
        await repository.LookAsync();

        await Eventually.TrueAsync(() => repository.Index().Length == 0, "it is not known any more");
        Assert.Equal(0, repository.Backend.Open);
        repository.Write("m", ScriptedBackend.Script(9));
        await LookTwiceAsync(repository);
        Assert.Equal(9, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Look_FolderIsGoneBeforeItSettled_NothingWaitsForIt()
    {
        await using ScriptedRepository repository = await LoadedAsync();
        repository.Write("passing", ScriptedBackend.Script(5));
        await repository.LookAsync();
        Assert.True(repository.Poller.IsSettling);
        Directory.Move(repository.In("passing"), repository.In("there"));

        for (int i = 0; i < 3; i++) await repository.LookAsync();

        Assert.False(repository.Poller.IsSettling);
        Assert.Equal(["m 1 Ready", "there 1 Ready"], repository.Index());
    }

    [Fact]
    public async Task Look_RepositoryIsGone_ServesOnAndSeesItComeBack()
    {
        await using ScriptedRepository repository = await LoadedAsync();
        string aside = repository.Path + "-aside";
        Directory.Move(repository.Path, aside);

        for (int i = 0; i < 3; i++) await repository.LookAsync();
        Assert.Equal(1, await repository.AddsAsync("m"));

        Directory.Move(aside, repository.Path);
        repository.Write("m", ScriptedBackend.Script(3000));
        await LookTwiceAsync(repository);
        Assert.Equal(3000, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Look_LinkedVersionIsPointedElsewhere_Loads()
    {
        await using ScriptedRepository repository = new(options => options with { Mode = ModelControlMode.Poll, PollInterval = TimeSpan.FromHours(1) });
        repository.Write(".store", ScriptedBackend.Script(1), version: 1).Write(".store", ScriptedBackend.Script(2), version: 2);
        DateTime sameTime = File.GetLastWriteTimeUtc(repository.In(".store", "1", "model.onnx"));
        File.SetLastWriteTimeUtc(repository.In(".store", "2", "model.onnx"), sameTime);
        Directory.CreateDirectory(repository.In("m"));
        File.WriteAllText(repository.In("m", "config.pbtxt"), "max_batch_size: 8");
        Directory.CreateSymbolicLink(repository.In("m", "1"), repository.In(".store", "1"));
        await repository.Repository.LoadAllAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, await repository.AddsAsync("m"));

        Directory.Delete(repository.In("m", "1"));
        Directory.CreateSymbolicLink(repository.In("m", "1"), repository.In(".store", "2"));
        await LookTwiceAsync(repository);

        Assert.Equal(2, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Look_LinksInACircle_AreAnErrorAndNothingElse()
    {
        await using ScriptedRepository repository = await LoadedAsync();
        Directory.CreateSymbolicLink(repository.In("m", "1", "round"), repository.In("m"));

        await LookTwiceAsync(repository);

        Assert.Equal(1, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Look_ModelThatLoadsForLong_DoesNotHoldUpTheOthers()
    {
        await using ScriptedRepository repository = await LoadedAsync();
        using ManualResetEventSlim gate = new();
        repository.Backend.Loading = source =>
        {
            if (source.Name == "m") gate.Wait();
        };
        repository.Write("m", ScriptedBackend.Script(4000));
        repository.Poller.Look();
        repository.Poller.Look();

        repository.Write("new", ScriptedBackend.Script(5));
        repository.Poller.Look();
        repository.Poller.Look();

        await Eventually.TrueAsync(() => repository.Index().Contains("new 1 Ready"), "the other is loaded");
        Assert.Equal(1, await repository.AddsAsync("m"));
        gate.Set();
        await repository.Poller.WhenChangedAsync();
        Assert.Equal(4000, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Run_RealClock_SeesAChange()
    {
        await using ScriptedRepository repository = new(options => options with { Mode = ModelControlMode.Poll, PollInterval = TimeSpan.FromMilliseconds(50), SettleTime = TimeSpan.FromMilliseconds(20) });
        await repository.Write("m", ScriptedBackend.Script(1)).Repository.LoadAllAsync(TestContext.Current.CancellationToken);

        repository.Write("m", ScriptedBackend.Script(2000));

        ServedModel first = repository.Catalog.Find("m", 0);
        await Eventually.TrueAsync(() => !ReferenceEquals(first, repository.Catalog.Find("m", 0)), "the change is seen");
        Assert.Equal(2000, await repository.AddsAsync("m"));
    }

    private static async Task<ScriptedRepository> LoadedAsync()
    {
        // The loop of its own does not get to look; the tests do.
        ScriptedRepository repository = new(options => options with { Mode = ModelControlMode.Poll, PollInterval = TimeSpan.FromHours(1) });
        await repository.Write("m", ScriptedBackend.Script(1)).Repository.LoadAllAsync(TestContext.Current.CancellationToken);
        return repository;
    }

    private static async Task LookTwiceAsync(ScriptedRepository repository)
    {
        await repository.LookAsync();
        await repository.LookAsync();
    }
}
