using System.Runtime.InteropServices;

using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Sessions;

/// <summary>The execution providers (devices) that sessions can be given, by name.</summary>
public static unsafe class OrtProviders
{
    public const string Cpu = "CPU";
    public const string Cuda = "CUDA";
    public const string TensorRt = "TensorRT";
    public const string WebGpu = "WebGPU";

    private static readonly string[] All = [Cpu, Cuda, TensorRt, WebGpu];

    /// <summary>Whether the files of a provider that is not inside the library lie beside it; they may still not load.</summary>
    public static bool HasFilesOf(string provider) => OrtProviderAdvice.FilesOf(provider).All(file => File.Exists(Path.Combine(OrtLibrary.Folder, file)));

    /// <summary>The file of a provider that is not inside the library.</summary>
    internal static string LibraryOf(string provider) => Path.Combine(OrtLibrary.Folder, OrtProviderAdvice.FilesOf(provider).Last());

    /// <summary>Adds a provider to session options.</summary>
    /// <returns>The provider's name as it is spelt here.</returns>
    internal static string Append(nint sessionOptions, string name, IReadOnlyDictionary<string, string> options)
    {
        string? provider = Array.Find(All, known => known.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (provider == null)
        {
            throw new OrtProviderException(
                name, OrtErrorCode.InvalidArgument, $"There is no execution provider '{name}'; there are {string.Join(", ", All)}.");
        }

        if (provider == Cpu && options.Count > 0)
        {
            throw new OrtProviderException(
                provider, OrtErrorCode.InvalidArgument, $"The CPU provider has no options, so not '{options.Keys.First()}' either.");
        }

        nint[] texts = [.. options.Keys.Concat(options.Values).Select(Marshal.StringToCoTaskMemUTF8)];
        try
        {
            fixed (nint* keys = texts)
            {
                Append(sessionOptions, provider, (byte**)keys, (byte**)(keys + options.Count), (nuint)options.Count);
            }
        }
        catch (OrtException exception)
        {
            throw new OrtProviderException(provider, exception.Code, OrtProviderAdvice.WhyNot(provider, exception.Message), exception);
        }
        finally
        {
            foreach (nint text in texts) Marshal.FreeCoTaskMem(text);
        }

        return provider;
    }

    private static void Append(nint sessionOptions, string provider, byte** keys, byte** values, nuint count)
    {
        OrtApi* api = OrtLibrary.Api;
        switch (provider)
        {
            case Cuda:
                Append(
                    sessionOptions, keys, values, count, api->CreateCUDAProviderOptions, api->UpdateCUDAProviderOptions,
                    api->SessionOptionsAppendExecutionProviderCUDAV2, api->ReleaseCUDAProviderOptions);
                break;
            case TensorRt:
                Append(
                    sessionOptions, keys, values, count, api->CreateTensorRTProviderOptions, api->UpdateTensorRTProviderOptions,
                    api->SessionOptionsAppendExecutionProviderTensorRTV2, api->ReleaseTensorRTProviderOptions);
                break;
            case WebGpu:
                using (var name = new NativeText(provider, stackalloc byte[NativeText.StackBytes]))
                {
                    OrtStatus.Check(api->SessionOptionsAppendExecutionProvider(sessionOptions, name.Pointer, keys, values, count));
                }

                break;
        }
    }

    private static void Append(
        nint sessionOptions,
        byte** keys,
        byte** values,
        nuint count,
        delegate* unmanaged<nint*, nint> create,
        delegate* unmanaged<nint, byte**, byte**, nuint, nint> update,
        delegate* unmanaged<nint, nint, nint> append,
        delegate* unmanaged<nint, void> release)
    {
        nint options;
        OrtStatus.Check(create(&options));
        try
        {
            if (count > 0) OrtStatus.Check(update(options, keys, values, count));
            OrtStatus.Check(append(sessionOptions, options));
        }
        finally
        {
            release(options);
        }
    }
}
