using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

using Gateway.OnnxRuntime.Errors;

namespace Gateway.OnnxRuntime.Native;

/// <summary>Finds and loads ONNX Runtime's native library, once, and gives its function table.</summary>
internal static unsafe class OrtLibrary
{
    private static readonly Lock LoadLock = new();
    private static OrtApi* _api;
    private static readonly Lazy<byte[]> FileDigest = new(DigestFile, LazyThreadSafetyMode.PublicationOnly);
    private static string? _path;
    private static string? _folder;
    private static string? _version;

    /// <summary>The folder to take it from; null for where the program's own lies. Looked at when it is first used.</summary>
    public static string? Directory { get; set; }

    /// <summary>The function table; loads the library on first use.</summary>
    /// <exception cref="DllNotFoundException">The library is nowhere; the message names the places looked in and how to get it.</exception>
    public static OrtApi* Api
    {
        get
        {
            // Read without a fence: the table is written by the library before its address exists, and reading a stale null only
            // leads to Load, which looks again under its lock.
            OrtApi* api = _api;
            return api != null ? api : Load();
        }
    }

    /// <summary>Folder the library was loaded from, which is where it looks for its provider libraries.</summary>
    public static string Folder => Api != null ? _folder! : "";

    /// <summary>The file that it was loaded from.</summary>
    public static string LoadedFrom => Api != null ? _path! : "";

    /// <summary>Version of the library, such as <c>1.30.0</c>.</summary>
    public static string Version => Api != null ? _version! : "";

    /// <summary>Tells it from every other build of it: the version, and a digest of the file, which is made once.</summary>
    /// <exception cref="IOException">The file cannot be read any more.</exception>
    public static byte[] Identity => [.. Encoding.UTF8.GetBytes(Version), .. FileDigest.Value];

    /// <summary>File name of the library on this platform.</summary>
    private static string FileName =>
        OperatingSystem.IsWindows() ? "onnxruntime.dll" :
        OperatingSystem.IsMacOS() ? "libonnxruntime.1.dylib" : "libonnxruntime.so.1";

    private static OrtApi* Load()
    {
        lock (LoadLock)
        {
            if (_api != null) return _api;

            string path = Find(Directory);
            nint library = NativeLibrary.Load(path);
            var getApiBase = (delegate* unmanaged<OrtApiBase*>)NativeLibrary.GetExport(library, "OrtGetApiBase");
            OrtApiBase* apiBase = getApiBase();

            // Asked first, because GetApi for a version it does not know writes to standard error.
            string version = Marshal.PtrToStringUTF8((nint)apiBase->GetVersionString()) ?? "";
            OrtApi* api = MinorVersion(version) >= OrtApi.Version ? apiBase->GetApi(OrtApi.Version) : null;
            if (api == null)
            {
                throw new OrtException(
                    OrtErrorCode.NotImplemented, $"{path} is ONNX Runtime {version}; version 1.{OrtApi.Version} or later is needed.");
            }

            _version = version;
            _path = path;
            _folder = Path.GetDirectoryName(path)!;
            _api = api;
            return api;
        }
    }

    private static byte[] DigestFile()
    {
        using FileStream file = new(_path!, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
        return SHA256.HashData(file);
    }

    /// <summary>The library's file in a folder, or, without one, with the program.</summary>
    /// <exception cref="DllNotFoundException">It is not there.</exception>
    internal static string Find(string? directory)
    {
        if (directory is not null)
        {
            string given = Path.GetFullPath(Path.Combine(directory, FileName));
            return File.Exists(given) ? given : throw new DllNotFoundException($"ONNX Runtime's library is not where it is said to be: there is no {given}");
        }

        string rid = RuntimeInformation.RuntimeIdentifier;
        string portableRid = (OperatingSystem.IsWindows() ? "win-" : OperatingSystem.IsMacOS() ? "osx-" : "linux-")
            + RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        string program = AppContext.BaseDirectory;
        string binding = Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location) is { Length: > 0 } folder ? folder : program;
        string[] places =
        [
            .. new[] { program, binding }.Distinct().SelectMany(root => new[]
            {
                Path.Combine(root, "runtimes", rid, "native", FileName),
                Path.Combine(root, "runtimes", portableRid, "native", FileName),
                Path.Combine(root, FileName),
            }).Select(Path.GetFullPath).Distinct(),
        ];

        return places.FirstOrDefault(File.Exists) ?? throw new DllNotFoundException(
            $"ONNX Runtime's library {FileName} is not there: build the project with npm at hand, or put the file where one of these says: "
            + string.Join(", ", places));
    }

    private static int MinorVersion(string version)
    {
        string[] parts = version.Split('.');
        return parts.Length >= 2 && parts[0] == "1" && int.TryParse(parts[1], CultureInfo.InvariantCulture, out int minor) ? minor : 0;
    }

    /// <summary>What <c>OrtGetApiBase</c> returns.</summary>
    private readonly struct OrtApiBase
    {
#pragma warning disable CS0649 // Written by the library.
        public readonly delegate* unmanaged<uint, OrtApi*> GetApi;
        public readonly delegate* unmanaged<byte*> GetVersionString;
#pragma warning restore CS0649
    }
}
