namespace Gateway.Server.Metrics.Gpu;

/// <summary>The machine's NVIDIA GPUs, as their driver reports them; none where there is no driver.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Cost</b>: some calls into the driver, paid by the scrape; the first one loads the library.</remarks>
internal sealed class GpuUsage
{
    /// <summary>Where the driver has it, without the version's suffix that packages for building add.</summary>
    public const string LibraryName = "libnvidia-ml.so.1";

    private readonly Lazy<IReadOnlyList<Device>> _devices;
    private readonly Lazy<NvmlLibrary?> _library;

    public GpuUsage(string libraryName = LibraryName)
    {
        _library = new Lazy<NvmlLibrary?>(() => NvmlLibrary.TryLoad(OperatingSystem.IsWindows() && libraryName == LibraryName ? "nvml.dll" : libraryName));
        _devices = new Lazy<IReadOnlyList<Device>>(Find);
    }

    /// <summary>What each GPU says at this moment; what one does not say is null.</summary>
    public IReadOnlyList<GpuSample> Take() => [.. _devices.Value.Select(Take)];

    private GpuSample Take(Device device)
    {
        NvmlLibrary library = _library.Value!;
        (ulong Total, ulong Used)? memory = library.MemoryBytes(device.Handle);
        double? joules = library.EnergyJoules(device.Handle);
        return new GpuSample(
            device.Uuid,
            library.Utilization(device.Handle),
            memory?.Total,
            memory?.Used,
            library.PowerWatts(device.Handle),
            library.PowerLimitWatts(device.Handle),
            joules is { } now && device.JoulesAtStart is { } start ? Math.Max(0, now - start) : null);
    }

    private List<Device> Find()
    {
        List<Device> found = [];
        if (_library.Value is not { } library) return found;
        uint count = library.Count();
        for (uint i = 0; i < count; i++)
        {
            if (library.TryGetDevice(i, out nint handle) && library.Uuid(handle) is { } uuid) found.Add(new Device(handle, uuid, library.EnergyJoules(handle)));
        }

        return found;
    }

    private sealed record Device(nint Handle, string Uuid, double? JoulesAtStart);
}
