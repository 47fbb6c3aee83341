namespace Gateway.Server.Metrics.Gpu;

/// <summary>The machine's NVIDIA GPUs, as their driver reports them; none where there is no driver.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Cost</b>: some calls into the driver, paid by the scrape.</remarks>
internal sealed class GpuUsage
{
    /// <summary>Where the driver has it, without the version's suffix that packages for building add.</summary>
    public const string LibraryName = "libnvidia-ml.so.1";

    private readonly Lazy<IReadOnlyList<Device>> _devices;
    private readonly NvmlLibrary? _library;

    public GpuUsage(string libraryName = LibraryName)
    {
        _library = NvmlLibrary.TryLoad(OperatingSystem.IsWindows() && libraryName == LibraryName ? "nvml.dll" : libraryName);
        _devices = new Lazy<IReadOnlyList<Device>>(Find);
    }

    /// <summary>What each GPU says at this moment; what one does not say is null.</summary>
    public IReadOnlyList<GpuSample> Take() => [.. _devices.Value.Select(Take)];

    private GpuSample Take(Device device)
    {
        (ulong Total, ulong Used)? memory = _library!.MemoryBytes(device.Handle);
        double? joules = _library.EnergyJoules(device.Handle);
        return new GpuSample(
            device.Uuid,
            _library.Utilization(device.Handle),
            memory?.Total,
            memory?.Used,
            _library.PowerWatts(device.Handle),
            _library.PowerLimitWatts(device.Handle),
            joules is { } now && device.JoulesAtStart is { } start ? Math.Max(0, now - start) : null);
    }

    private List<Device> Find()
    {
        List<Device> found = [];
        uint count = _library?.Count() ?? 0;
        for (uint i = 0; i < count; i++)
        {
            if (_library!.TryGetDevice(i, out nint handle) && _library.Uuid(handle) is { } uuid) found.Add(new Device(handle, uuid, _library.EnergyJoules(handle)));
        }

        return found;
    }

    private sealed record Device(nint Handle, string Uuid, double? JoulesAtStart);
}
