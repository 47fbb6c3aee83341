using System.Runtime.InteropServices;

namespace Gateway.Server.Metrics.Gpu;

/// <summary>NVIDIA's management library, as the driver brings it; loaded when it is first wanted, and nothing where it is not.</summary>
/// <remarks>
/// Only what the gauges need, by the names that the library exports (they keep their meaning when a function changes and gets a new one). Every function gives 0 for success.
/// <b>Threading</b>: any thread, as the library itself promises. <b>Cost</b>: marshalled calls, some microseconds each; a scrape makes seven a GPU.
/// </remarks>
internal sealed class NvmlLibrary
{
    // NVML_DEVICE_UUID_V2_BUFFER_SIZE.
    private const int TextBytes = 96;

    private readonly nint _library;
    private readonly GetCount? _getCount;
    private readonly GetHandle? _getHandle;
    private readonly GetText? _getUuid;
    private readonly GetRates? _getUtilization;
    private readonly GetMemory? _getMemory;
    private readonly GetNumber? _getPower;
    private readonly GetNumber? _getPowerLimit;
    private readonly GetLargeNumber? _getEnergy;

    private NvmlLibrary(nint library)
    {
        _library = library;
        _getCount = Find<GetCount>("nvmlDeviceGetCount_v2");
        _getHandle = Find<GetHandle>("nvmlDeviceGetHandleByIndex_v2");
        _getUuid = Find<GetText>("nvmlDeviceGetUUID");
        _getUtilization = Find<GetRates>("nvmlDeviceGetUtilizationRates");
        _getMemory = Find<GetMemory>("nvmlDeviceGetMemoryInfo");
        _getPower = Find<GetNumber>("nvmlDeviceGetPowerUsage");
        _getPowerLimit = Find<GetNumber>("nvmlDeviceGetEnforcedPowerLimit");
        _getEnergy = Find<GetLargeNumber>("nvmlDeviceGetTotalEnergyConsumption");
    }

    private delegate int Init();

    private delegate int GetCount(out uint count);

    private delegate int GetHandle(uint index, out nint device);

    private delegate int GetText(nint device, byte[] text, uint length);

    private delegate int GetRates(nint device, out Rates rates);

    private delegate int GetMemory(nint device, out Memory memory);

    private delegate int GetNumber(nint device, out uint number);

    private delegate int GetLargeNumber(nint device, out ulong number);

    /// <summary>Loads the library and starts it.</summary>
    /// <param name="name">File name, looked for as the system looks for libraries.</param>
    /// <returns>Null where there is none, or no driver that it can talk to.</returns>
    public static NvmlLibrary? TryLoad(string name)
    {
        if (!NativeLibrary.TryLoad(name, out nint library)) return null;
        NvmlLibrary loaded = new(library);
        if (loaded.Find<Init>("nvmlInit_v2") is { } init && init() == 0) return loaded;
        NativeLibrary.Free(library);
        return null;
    }

    public uint Count() => _getCount is not null && _getCount(out uint count) == 0 ? count : 0;

    public bool TryGetDevice(uint index, out nint device)
    {
        device = 0;
        return _getHandle is not null && _getHandle(index, out device) == 0;
    }

    /// <summary>Such as <c>GPU-xxxxxxxx-…</c>.</summary>
    public string? Uuid(nint device)
    {
        byte[] text = new byte[TextBytes];
        if (_getUuid is null || _getUuid(device, text, TextBytes) != 0) return null;
        int end = Array.IndexOf(text, (byte)0);
        return System.Text.Encoding.UTF8.GetString(text, 0, end < 0 ? text.Length : end);
    }

    /// <summary>Share of the time that a kernel was running, 0 to 1.</summary>
    public double? Utilization(nint device) => _getUtilization is not null && _getUtilization(device, out Rates rates) == 0 ? rates.Gpu / 100.0 : null;

    public (ulong Total, ulong Used)? MemoryBytes(nint device) => _getMemory is not null && _getMemory(device, out Memory memory) == 0 ? (memory.Total, memory.Used) : null;

    public double? PowerWatts(nint device) => Thousandths(_getPower, device);

    public double? PowerLimitWatts(nint device) => Thousandths(_getPowerLimit, device);

    /// <summary>Since the driver was loaded.</summary>
    public double? EnergyJoules(nint device) => _getEnergy is not null && _getEnergy(device, out ulong millijoules) == 0 ? millijoules / 1000.0 : null;

    private static double? Thousandths(GetNumber? get, nint device) => get is not null && get(device, out uint number) == 0 ? number / 1000.0 : null;

    /// <returns>Null for a function that this driver does not have.</returns>
    private T? Find<T>(string name)
        where T : Delegate => NativeLibrary.TryGetExport(_library, name, out nint function) ? Marshal.GetDelegateForFunctionPointer<T>(function) : null;

    /// <summary><c>nvmlUtilization_t</c>.</summary>
    private struct Rates
    {
#pragma warning disable CS0649 // Written by the library.
        public uint Gpu;
        public uint Memory;
    }

    /// <summary><c>nvmlMemory_t</c>.</summary>
    private struct Memory
    {
        public ulong Total;
        public ulong Free;
        public ulong Used;
#pragma warning restore CS0649
    }
}
