using System.Runtime.InteropServices;

using Gateway.OnnxRuntime.Native;

using Microsoft.Extensions.Logging;

namespace Gateway.OnnxRuntime.Environments;

/// <summary>ONNX Runtime itself: its log, and the thread pools that sessions may share. Everything else needs one open.</summary>
/// <remarks>
/// Behaviour: ONNX Runtime has one environment in a process. The first to open it decides its thread pools and how detailed its log is;
/// opening it again shares it, and asking then for other thread pools is refused. It ends when the last that opened it, and the last
/// session in it, are disposed. What ONNX Runtime logs goes to the logger of each that has it open.
/// Threading: safe from any thread.
/// Ownership: the caller disposes it; a session keeps what it needs alive by itself.
/// </remarks>
public sealed unsafe class OrtEnvironment : IDisposable
{
    private static readonly Lock Gate = new();
    private static readonly HashSet<string> ProviderLibraries = [];
    private static int _open;
    private static OrtThreadPools? _pools;

    private readonly OrtHandle _handle;
    private readonly ILogger _logger;

    private OrtEnvironment(nint native, ILogger logger)
    {
        _handle = new OrtHandle(native, &Release);
        _logger = logger;
    }

    internal OrtHandle Handle => _handle;

    /// <summary>Version of the ONNX Runtime library, such as <c>1.30.0</c>; loads it if that has not been done.</summary>
    public static string Version => OrtLibrary.Version;

    /// <summary>Folder of the ONNX Runtime library, where its provider libraries go.</summary>
    public static string LibraryFolder => OrtLibrary.Folder;

    /// <summary>Has the library taken from a folder, in which its providers' files lie too: to be said before anything of it is used.</summary>
    /// <param name="directory">Null for the library that lies with the program.</param>
    public static void TakeFrom(string? directory) => OrtLibrary.Directory = directory;

    /// <summary>Opens the environment.</summary>
    /// <param name="logger">Where ONNX Runtime's log goes; the levels it takes decide how much ONNX Runtime writes.</param>
    /// <param name="threadPools">Pools for sessions that use <c>ShareThreadPools</c>; null for none.</param>
    /// <exception cref="DllNotFoundException">The library is not there.</exception>
    /// <exception cref="InvalidOperationException">The environment is open already, with other thread pools.</exception>
    public static OrtEnvironment Open(ILogger logger, OrtThreadPools? threadPools = null)
    {
        ArgumentNullException.ThrowIfNull(logger);
        lock (Gate)
        {
            if (_open > 0 && threadPools != null && threadPools != _pools)
            {
                throw new InvalidOperationException(
                    $"ONNX Runtime is in use already with {_pools?.ToString() ?? "no shared thread pools"}, so it cannot have {threadPools}.");
            }

            // Before the environment is made, because it logs while it is made.
            OrtLogBridge.Add(logger);
            nint native;
            try
            {
                native = threadPools == null ? Create(logger) : Create(logger, threadPools);
            }
            catch
            {
                OrtLogBridge.Remove(logger);
                throw;
            }

            if (_open++ == 0) _pools = threadPools;
            return new OrtEnvironment(native, logger);
        }
    }

    /// <summary>Makes what a provider in a library of its own can do known outside its sessions too: without it <see cref="Values.OrtTensorCopy"/> knows no copy to its devices (1.30.0).</summary>
    /// <exception cref="Errors.OrtException">The library is not there or cannot be loaded.</exception>
    internal void UseProviderLibrary(string provider, string file)
    {
        lock (Gate)
        {
            if (ProviderLibraries.Contains(file)) return;
            using var name = new NativeText(provider, stackalloc byte[NativeText.StackBytes]);
            using OrtHandle.Lease environment = _handle.Use();
            nint path = NativeText.CopyPath(file);
            try
            {
                OrtStatus.Check(OrtLibrary.Api->RegisterExecutionProviderLibrary(environment.Native, name.Pointer, path));
            }
            finally
            {
                NativeText.FreePath(path);
            }

            ProviderLibraries.Add(file);
        }
    }

    public void Dispose()
    {
        if (_handle.IsDisposed) return;
        _handle.Dispose();
        OrtLogBridge.Remove(_logger);
    }

    private static nint Create(ILogger logger)
    {
        using var name = new NativeText("gateway", stackalloc byte[NativeText.StackBytes]);
        nint native;
        OrtStatus.Check(OrtLibrary.Api->CreateEnvWithCustomLogger(&OrtLogBridge.Receive, 0, OrtLogBridge.Level(logger), name.Pointer, &native));
        return native;
    }

    private static nint Create(ILogger logger, OrtThreadPools pools)
    {
        using var name = new NativeText("gateway", stackalloc byte[NativeText.StackBytes]);
        nint options;
        OrtStatus.Check(OrtLibrary.Api->CreateThreadingOptions(&options));
        try
        {
            OrtStatus.Check(OrtLibrary.Api->SetGlobalIntraOpNumThreads(options, pools.IntraOpThreads));
            OrtStatus.Check(OrtLibrary.Api->SetGlobalInterOpNumThreads(options, pools.InterOpThreads));
            OrtStatus.Check(OrtLibrary.Api->SetGlobalSpinControl(options, pools.Spinning ? 1 : 0));
            nint native;
            OrtStatus.Check(OrtLibrary.Api->CreateEnvWithCustomLoggerAndGlobalThreadPools(
                &OrtLogBridge.Receive, 0, OrtLogBridge.Level(logger), name.Pointer, options, &native));
            return native;
        }
        finally
        {
            OrtLibrary.Api->ReleaseThreadingOptions(options);
        }
    }

    // Called when the environment and every session opened through it are gone: only then may the next have other thread pools.
    [UnmanagedCallersOnly]
    private static void Release(nint native)
    {
        lock (Gate)
        {
            OrtLibrary.Api->ReleaseEnv(native);
            if (--_open == 0) ProviderLibraries.Clear();
        }
    }
}
