using System.Buffers;
using System.Text;
using Gateway.Server.Metrics;
using Gateway.Server.Metrics.Gpu;

namespace Gateway.UnitTests.Metrics;

public sealed class GpuFamiliesTests
{
    [Fact]
    public void Write_NoGpu_WritesNothing()
    {
        Assert.Empty(Page([]));
        Assert.Empty(new GpuUsage("no-such-library.so").Take());
    }

    /// <remarks>A library that is there and is another one: nothing of it is called.</remarks>
    [Fact]
    public void GpuUsage_LibraryThatIsNotNvml_HasNoGpus()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a library that every machine has");
        Assert.Empty(new GpuUsage("libc.so.6").Take());
    }

    [Fact]
    public void Write_Gpus_AreTritonsFamilies()
    {
        PrometheusText text = PrometheusText.Parse(Page(
        [
            new GpuSample("GPU-a", 0.25, 80_000_000_000, 1_000, 71.5, 700, 12.5),
            new GpuSample("GPU-b", null, null, null, null, null, null),
        ]));

        Assert.Equal("GPU utilization rate [0.0 - 1.0)", text.Helps["nv_gpu_utilization"]);
        Assert.Equal(0.25, text["nv_gpu_utilization{gpu_uuid=\"GPU-a\"}"]);
        Assert.Equal(80_000_000_000, text["nv_gpu_memory_total_bytes{gpu_uuid=\"GPU-a\"}"]);
        Assert.Equal(1_000, text["nv_gpu_memory_used_bytes{gpu_uuid=\"GPU-a\"}"]);
        Assert.Equal(71.5, text["nv_gpu_power_usage{gpu_uuid=\"GPU-a\"}"]);
        Assert.Equal(700, text["nv_gpu_power_limit{gpu_uuid=\"GPU-a\"}"]);
        Assert.Equal(12.5, text["nv_energy_consumption{gpu_uuid=\"GPU-a\"}"]);
        Assert.DoesNotContain("GPU-b", Page([new GpuSample("GPU-b", null, null, null, null, null, null)]), StringComparison.Ordinal);
    }

    private static string Page(IReadOnlyList<GpuSample> gpus)
    {
        ArrayBufferWriter<byte> output = new();
        GpuFamilies.Write(new PrometheusWriter(output), gpus);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
