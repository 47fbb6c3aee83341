using System.Runtime.InteropServices;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects.Gpu;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.Harness.Scenarios.Gpu;

/// <summary>Copies to a CUDA device and back: from page-locked memory beside ordinary memory. WebGPU has no such kind.</summary>
internal sealed unsafe class GpuCopies(string provider) : IGpuPart
{
    private static readonly int[] Sizes = [64 << 10, 1 << 20, 16 << 20, 64 << 20];

    // Of a measurement, for each of the four ways at each size.
    private const double Share = 0.1;

    public string Name => "copies";

    public IEnumerable<Comparison> Measure(Effort effort)
    {
        if (!provider.Equals(OrtProviders.Cuda, StringComparison.OrdinalIgnoreCase)) yield break;
        using OrtSessionOptions options = new();
        using OrtSession session = OrtSession.Load(DeviceLoop.KeepOpen(), BenchModel.Mlp.File, options.AddProvider(provider));
        foreach (int bytes in Sizes) yield return Measure(session, bytes, effort);
    }

    private static Comparison Measure(OrtSession session, int bytes, Effort effort)
    {
        using OrtBuffer device = session.GetAllocator(OrtMemoryInfo.Cuda()).Allocate((nuint)bytes);
        using OrtBuffer pinned = session.GetAllocator(OrtMemoryInfo.CudaPinned()).Allocate((nuint)bytes);
        nint ordinary = (nint)NativeMemory.AlignedAlloc((nuint)bytes, (nuint)Environment.SystemPageSize);
        try
        {
            foreach (nint host in new[] { pinned.Data, ordinary }) new Span<byte>((void*)host, bytes).Fill(1);
            Series pinnedUp = Time("page-locked, there", Host(pinned.Data), Device());
            Series ordinaryUp = Time("ordinary, there", Host(ordinary), Device());
            Series pinnedDown = Time("page-locked, back", Device(), Host(pinned.Data));
            Series ordinaryDown = Time("ordinary, back", Device(), Host(ordinary));
            return new Comparison($"{bytes >> 10} KiB", Series.Ratio(pinnedUp, ordinaryUp), Budget: null, [pinnedUp, ordinaryUp, pinnedDown, ordinaryDown]);
        }
        finally
        {
            NativeMemory.AlignedFree((void*)ordinary);
        }

        OrtValue Host(nint address) => OrtValue.OverMemory(OrtMemoryInfo.Cpu, address, (nuint)bytes, [bytes / sizeof(float)], DataType.Fp32);

        OrtValue Device() => OrtValue.OverMemory(OrtMemoryInfo.Cuda(), device.Data, (nuint)bytes, [bytes / sizeof(float)], DataType.Fp32);

        Series Time(string name, OrtValue from, OrtValue to)
        {
            using OrtTensorCopy copy = new(DeviceLoop.KeepOpen(), [(from, to)]);
            double[] perSecond = new double[effort.Rounds];
            copy.Run();
            for (int round = 0; round < effort.Rounds; round++) perSecond[round] = bytes / GpuStages.Time(copy.Run, effort.Seconds * Share) / 1e3;
            return new Series(name, "GB/s", perSecond);
        }
    }
}
