using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.TestSupport;
using Gateway.UnitTests.OpenInference;

namespace Gateway.UnitTests.Models.Repository;

public sealed class ModelRepositoryTests
{
    [Fact]
    public async Task LoadAll_EachMode_LoadsWhatItSays()
    {
        await using ScriptedRepository none = new(options => options with { Mode = ModelControlMode.None });
        await using ScriptedRepository named = new(options => options with { StartupModels = ["b", "missing"] });
        await using ScriptedRepository all = new(options => options with { StartupModels = ["*"] });
        foreach (ScriptedRepository repository in new[] { none, named, all })
        {
            repository.Write("a", ScriptedBackend.Script(1)).Write("b", ScriptedBackend.Script(2));
            await repository.Repository.LoadAllAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal(["a 1 Ready", "b 1 Ready"], none.Index());
        Assert.Equal(["a 0 Unknown", "b 1 Ready", "missing 0 Unavailable: it is in no repository"], named.Index());
        Assert.Equal(["b 1 Ready"], named.Index(readyOnly: true));
        Assert.False(named.Catalog.AreAllReady);
        Assert.Equal(["a 1 Ready", "b 1 Ready"], all.Index());
    }

    [Fact]
    public async Task Load_SeveralInstanceGroups_EachLearnsItsOwnTimes()
    {
        using ManualResetEventSlim never = new();
        await using ScriptedRepository repository = new();

        // Further apart than a busy machine adds to the quick ones.
        repository.Backend.Running = () => never.Wait(Thread.CurrentThread.Name is { } name && name.EndsWith("#2", StringComparison.Ordinal) ? 300 : 1);
        repository.Write("m", ScriptedBackend.Script(1), config: """max_batch_size: 8 instance_group [ { name: "quick" count: 2 kind: KIND_CPU }, { name: "slow" count: 1 kind: KIND_CPU } ]""");
        await repository.LoadAsync("m");

        for (int i = 0; i < 10; i++) await Task.WhenAll(Enumerable.Range(0, 24).Select(_ => repository.AddsAsync("m")));

        IReadOnlyList<(string Group, LatencyModel Latency)> groups = repository.Catalog.Find("m", 0).Latencies;
        Assert.Equal(["quick", "slow"], groups.Select(each => each.Group));
        Assert.All(groups, each => Assert.True(each.Latency.RecordedAt > 0));
        long[] times = [.. groups.Select(each => each.Latency.Sizes.Max(each.Latency.Estimate))];
        Assert.True(times[1] > 2 * times[0], $"{times[0]} and {times[1]} ticks");
    }

    [Fact]
    public async Task Load_Unchanged_IsLeftAsItIs()
    {
        await using ScriptedRepository repository = new();
        repository.Write("m", ScriptedBackend.Script(1));
        await repository.LoadAsync("m");
        ServedModel first = repository.Catalog.Find("m", 0);

        await repository.LoadAsync("m");

        Assert.Same(first, repository.Catalog.Find("m", 0));
        Assert.Equal(1, repository.Backend.Loads);
    }

    [Fact]
    public async Task Load_Changed_ReplacesAndKeepsCounting()
    {
        await using ScriptedRepository repository = new();
        repository.Write("m", ScriptedBackend.Script(1));
        await repository.LoadAsync("m");
        ServedModel first = repository.Catalog.Find("m", 0);
        Assert.Equal(1, await repository.AddsAsync("m"));
        repository.Write("m", ScriptedBackend.Script(2000));

        await repository.LoadAsync("m");

        ServedModel second = repository.Catalog.Find("m", 0);
        Assert.Equal(2000, await repository.AddsAsync("m"));
        Assert.True(second.Generation > first.Generation);
        Assert.NotEqual(first.Digest, second.Digest);
        Assert.Equal(2, second.Batcher.Statistics.Snapshot().Inferences);
        await Eventually.TrueAsync(() => repository.Backend.Open == 1, "the first is closed");
        Assert.False(first.TryRentRequest(out _));
        InferenceException error = Assert.Throws<InferenceException>(first.RentRequest);
        Assert.Equal((StatusCode.Unavailable, "Request for unknown model: 'm' version 1 is not at ready state"), (error.Status, error.Message));
    }

    [Fact]
    public async Task Load_Replaced_LentRequestsAreStillServedByTheOldOne()
    {
        await using ScriptedRepository repository = new();
        repository.Write("m", ScriptedBackend.Script(1));
        await repository.LoadAsync("m");
        InferenceRequest lent = repository.Catalog.Find("m", 0).RentRequest();
        await repository.Write("m", ScriptedBackend.Script(2000)).LoadAsync("m");
        Assert.Equal(2000, await repository.AddsAsync("m"));
        Assert.Equal(2, repository.Backend.Open);

        Assert.Equal(1, await repository.SendAsync(lent));

        lent.Dispose();
        await Eventually.TrueAsync(() => repository.Backend.Open == 1, "the old one is closed once its request is back");
    }

    [Theory]
    [InlineData("broken on purpose", "version 1: on purpose", "load failed for model 'm': version 1 is at UNAVAILABLE state: on purpose;\n")]
    [InlineData("add 1 wid", "version 1: the file is cut off", "load failed for model 'm': version 1 is at UNAVAILABLE state: the file is cut off;\n")]
    public async Task Load_ThatFails_LeavesTheOldOneAndSaysWhy(string script, string reason, string message)
    {
        await using ScriptedRepository repository = new();
        await repository.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");
        repository.Write("m", script);

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m"));

        Assert.Equal((StatusCode.InvalidArgument, message), (error.Status, error.Message));
        Assert.Equal([$"m 1 Ready: the last load failed: {reason}"], repository.Index());
        Assert.True(repository.Catalog.AreAllReady);
        Assert.Equal(1, await repository.AddsAsync("m"));
        await repository.Write("m", ScriptedBackend.Script(3000)).LoadAsync("m");
        Assert.Equal(["m 1 Ready"], repository.Index());
        Assert.Equal(3000, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Load_BrokenConfiguration_LeavesTheOldOne()
    {
        await using ScriptedRepository repository = new();
        await repository.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");
        File.WriteAllText(repository.In("m", "config.pbtxt"), "max_batch_sice: 8");

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m"));

        Assert.StartsWith("failed to load 'm', failed to poll from model repository: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("max_batch_sice", repository.Index()[0], StringComparison.Ordinal);
        Assert.Equal(1, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Load_FilesChangeMeanwhile_IsNotTrusted()
    {
        await using ScriptedRepository repository = new();
        await repository.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");
        repository.Write("m", ScriptedBackend.Script(20));
        repository.Backend.Loading = _ => repository.Write("m", ScriptedBackend.Script(3000));

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m"));

        Assert.Equal("failed to load 'm', failed to poll from model repository: its files changed while they were read", error.Message);
        Assert.Equal((1, 1), (await repository.AddsAsync("m"), repository.Backend.Open));
        repository.Backend.Loading = null;
        await repository.LoadAsync("m");
        Assert.Equal(3000, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Load_FirstOneFails_IsUnavailableUntilItDoesNot()
    {
        await using ScriptedRepository repository = new();
        repository.Write("m", "broken on purpose");

        await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m"));

        Assert.Equal(["m 1 Unavailable: on purpose"], repository.Index());
        Assert.False(repository.Catalog.AreAllReady);
        await repository.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");
        Assert.Equal(["m 1 Ready"], repository.Index());
    }

    [Fact]
    public async Task Load_VersionsComeAndGo_PolicyDecidesAnew()
    {
        await using ScriptedRepository repository = new();
        await repository.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");
        await repository.Write("m", ScriptedBackend.Script(20), version: 2).LoadAsync("m");
        Assert.Equal(20, await repository.AddsAsync("m"));
        await Eventually.TrueAsync(() => repository.Index() is ["m 1 Unavailable: unloaded", "m 2 Ready"], "version 1 is unloaded");
        InferenceException error = Assert.Throws<InferenceException>(() => repository.Catalog.Find("m", 1));
        Assert.Equal((StatusCode.Unavailable, "Request for unknown model: 'm' version 1 is not at ready state"), (error.Status, error.Message));

        File.WriteAllText(repository.In("m", "config.pbtxt"), "max_batch_size: 8 version_policy { all {} }");
        await repository.LoadAsync("m");
        Assert.Equal((1, 20), (await repository.AddsAsync("m", 1), await repository.AddsAsync("m", 2)));

        Directory.Delete(repository.In("m", "2"), recursive: true);
        await repository.LoadAsync("m");
        Assert.Equal(1, await repository.AddsAsync("m"));
        await Eventually.TrueAsync(() => repository.Index() is ["m 1 Ready", "m 2 Unavailable: unloaded"], "version 2 is unloaded");
    }

    [Fact]
    public async Task Load_NewVersionIsBroken_TheOldOneGoesOn()
    {
        await using ScriptedRepository repository = new();
        await repository.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");
        repository.Write("m", "add 2 wi", version: 2);

        await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m"));

        Assert.Equal(["m 1 Ready: the last load failed: version 2: the file is cut off"], repository.Index());
        Assert.Equal(1, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Unload_RequestsInFlight_FinishAndThenItIsGone()
    {
        await using ScriptedRepository repository = new();
        await repository.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");
        using ManualResetEventSlim mayRun = new();
        repository.Backend.Running = () => mayRun.Wait(TestContext.Current.CancellationToken);
        InferenceRequest request = repository.Catalog.Find("m", 0).RentRequest();
        Task<long> answer = Task.Run(() => repository.SendAsync(request), TestContext.Current.CancellationToken);

        await repository.Repository.UnloadAsync("m");

        Assert.Equal(["m 1 Unloading"], repository.Index());
        Assert.Equal("Request for unknown model: 'm' has no available versions", Assert.Throws<InferenceException>(() => repository.Catalog.Find("m", 0)).Message);
        Assert.True(repository.Catalog.AreAllReady);
        mayRun.Set();
        Assert.Equal(1, await answer);
        request.Dispose();
        await Eventually.TrueAsync(() => repository.Index() is ["m 1 Unavailable: unloaded"], "it is unloaded");
        Assert.Equal(0, repository.Backend.Open);
        Assert.True(repository.Catalog.AreAllReady);
        await repository.LoadAsync("m");
        Assert.Equal(["m 1 Ready"], repository.Index());
    }

    [Fact]
    public async Task Load_FilesThatChangeMeanwhile_NoVersionStaysLoading()
    {
        await using ScriptedRepository repository = new();
        repository.Write("m", ScriptedBackend.Script(1));
        repository.Backend.Loading = _ => repository.Write("m", ScriptedBackend.Script(20_000));

        await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m"));

        Assert.Equal(["m 0 Unavailable: its files changed while they were read"], repository.Index());
    }

    [Fact]
    public async Task Unload_NeverLoaded_IsNoMistake()
    {
        await using ScriptedRepository repository = new();
        repository.Write("m", ScriptedBackend.Script(1));

        await repository.Repository.UnloadAsync("m");
        await repository.Repository.UnloadAsync("nobody");

        Assert.Equal(["m 0 Unknown"], repository.Index());
    }

    [Fact]
    public async Task Load_ManyAtOnce_OneModelTakesTurnsAndAllStayWithinTheBound()
    {
        await using ScriptedRepository repository = new(options => options with { MostLoadsAtOnce = 3 });
        using Barrier three = new(3);
        repository.Backend.Loading = source =>
        {
            // Holds up until three different models are here: they do load side by side.
            if (source.Name != "same") three.SignalAndWait(TestContext.Current.CancellationToken);
        };
        string[] models = ["a", "b", "c", "d", "e", "f"];
        foreach (string model in models) repository.Write(model, ScriptedBackend.Script(1));
        await Task.WhenAll(models.Select(model => repository.LoadAsync(model)));
        Assert.Equal(3, repository.Backend.MostAtOnce);

        await Task.WhenAll(Enumerable.Range(1, 20).Select(i => Task.Run(async () =>
        {
            // The same file is written and loaded by all; a load may see any of them, whole or not.
            repository.Write("same", ScriptedBackend.Script(i));
            if (i % 4 == 0) await repository.Repository.UnloadAsync("same");
            else await repository.LoadAsync("same").ContinueWith(_ => { }, TaskScheduler.Default);
        }, TestContext.Current.CancellationToken)));

        Assert.Equal(1, repository.Backend.MostOfOneModel);
    }

    [Fact]
    public async Task Stop_WhileLoading_WaitsForTheLoadAndClosesWhatCameOfIt()
    {
        ScriptedRepository repository = new();
        repository.Write("m", ScriptedBackend.Script(1)).Write("other", ScriptedBackend.Script(1));
        using ManualResetEventSlim isLoading = new();
        using ManualResetEventSlim mayLoad = new();
        repository.Backend.Loading = _ =>
        {
            isLoading.Set();
            mayLoad.Wait(TestContext.Current.CancellationToken);
        };
        Task load = repository.LoadAsync("m");
        isLoading.Wait(TestContext.Current.CancellationToken);
        Task waiting = repository.LoadAsync("m");

        Task<int> stopped = repository.Repository.StopAsync(TimeSpan.FromSeconds(1));

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => waiting);
        Assert.Equal((StatusCode.Unavailable, "Server exiting"), (error.Status, error.Message));
        Assert.False(stopped.IsCompleted);
        mayLoad.Set();
        await load;
        Assert.Equal(0, await stopped);
        Assert.Equal(0, repository.Backend.Open);
        await repository.DisposeAsync();
    }

    [Theory]
    [InlineData(ModelControlMode.None)]
    [InlineData(ModelControlMode.Poll)]
    public async Task LoadAndUnload_InOtherModes_AreRefusedAsInTriton(ModelControlMode mode)
    {
        await using ScriptedRepository repository = new(options => options with { Mode = mode });
        repository.Write("m", ScriptedBackend.Script(1));

        foreach (Func<Task> call in new Func<Task>[] { () => repository.LoadAsync("m"), () => repository.Repository.UnloadAsync("m") })
        {
            InferenceException error = await Assert.ThrowsAsync<InferenceException>(call);
            Assert.Equal((StatusCode.Unavailable, "explicit model load / unload is not allowed if polling is enabled"), (error.Status, error.Message));
        }
    }

    [Theory]
    [InlineData("", "Model name cannot be empty. Please enter a valid name to deploy.")]
    [InlineData("..", "invalid model name '..', model name must not contain path traversal characters")]
    [InlineData("../m", "invalid model name '../m', model name must not contain path traversal characters")]
    [InlineData("...", "failed to load '...', failed to poll from model repository: it is in no repository")]
    [InlineData("none", "failed to load 'none', failed to poll from model repository: it is in no repository")]
    public async Task Load_BadName_IsRefused(string name, string message)
    {
        await using ScriptedRepository repository = new();

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync(name));

        Assert.Equal((StatusCode.InvalidArgument, message), (error.Status, error.Message));
        Assert.Empty(repository.Index());
    }

    [Fact]
    public async Task Load_InTwoRepositories_IsRefused()
    {
        DirectoryInfo second = Directory.CreateTempSubdirectory("gateway-second-");
        await using ScriptedRepository repository = new(options => options with { Directories = [.. options.Directories, second.FullName] });
        repository.Write("m", ScriptedBackend.Script(1));
        second.CreateSubdirectory("m");

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m"));

        Assert.Contains("it is in more than one repository", error.Message, StringComparison.Ordinal);
        second.Delete(recursive: true);
    }

    [Fact]
    public async Task Digest_SameFilesAndConfiguration_IsTheSameInAnotherProcess()
    {
        UInt128 same = await DigestAsync(repository => repository.Write("m", ScriptedBackend.Script(1)));

        Assert.NotEqual(default, same);
        Assert.Equal(same, await DigestAsync(repository => repository.Write("m", ScriptedBackend.Script(1))));
        Assert.NotEqual(same, await DigestAsync(repository => repository.Write("m", ScriptedBackend.Script(2))));
        Assert.NotEqual(same, await DigestAsync(repository => repository.Write("m", ScriptedBackend.Script(1), config: "max_batch_size: 4")));
        Assert.NotEqual(same, await DigestAsync(repository =>
        {
            repository.Write("m", ScriptedBackend.Script(1));
            File.WriteAllText(repository.In("m", "1", "weights.bin"), "beside the model");
        }));
    }

    private static async Task<UInt128> DigestAsync(Action<ScriptedRepository> write)
    {
        await using ScriptedRepository repository = new();
        write(repository);
        await repository.LoadAsync("m");
        return repository.Catalog.Find("m", 0).Digest;
    }
}
