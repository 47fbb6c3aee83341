using Gateway.Core.Execution.Devices;

namespace Gateway.UnitTests.Models.Repository;

/// <summary>Models that take memory of a device, 100 bytes each, where there are 150.</summary>
public sealed class DeviceMemoryLoadsTests
{
    private const string TooMuch = "it needs about 100 bytes on GPU 0, of which models may take 150 together (--gpu-memory-limit-byte-size); m 1 has 100";

    private readonly DeviceMemory _memory;

    public DeviceMemoryLoadsTests()
    {
        Assert.Null(DeviceMemoryLimits.Parse(["150"], out DeviceMemoryLimits limits));
        _memory = new DeviceMemory(limits);
    }

    [Fact]
    public async Task Load_NoRoomBesideAnother_IsUnavailableUntilThatIsUnloaded()
    {
        await using ScriptedRepository repository = Repository();
        repository.Write("m", TestSupport.ScriptedBackend.Script(1)).Write("n", TestSupport.ScriptedBackend.Script(2));
        await repository.LoadAsync("m");

        await Assert.ThrowsAnyAsync<Exception>(() => repository.LoadAsync("n"));

        Assert.Equal(["m 1 Ready", $"n 1 Unavailable: {TooMuch}"], repository.Index());
        await repository.Repository.UnloadAsync("m");
        await WhenFreeAsync();
        await repository.LoadAsync("n");
        Assert.Equal(2, await repository.AddsAsync("n"));
    }

    [Fact]
    public async Task LoadAgain_NoRoomBesideItself_TheOldOneGoesOn()
    {
        await using ScriptedRepository repository = Repository();
        await repository.Write("m", TestSupport.ScriptedBackend.Script(1)).LoadAsync("m");

        repository.Write("m", TestSupport.ScriptedBackend.Script(2));
        await Assert.ThrowsAnyAsync<Exception>(() => repository.LoadAsync("m"));

        Assert.Equal(1, await repository.AddsAsync("m"));
        Assert.Equal([(0, "m", 1L, 100L)], _memory.Usage);
    }

    private ScriptedRepository Repository()
    {
        ScriptedRepository repository = new();
        repository.Backend.Taking = source => _memory.Take(0, source.Name, source.Version, 100);
        return repository;
    }

    /// <summary>An unload answers before the last of the model is gone.</summary>
    private async Task WhenFreeAsync()
    {
        while (_memory.Usage.Count > 0) await Task.Yield();
    }
}
