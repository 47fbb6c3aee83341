using System.Globalization;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.TestSupport;

/// <summary>A backend whose runs wait as long as a device would take, and use no core meanwhile: several servers on a small machine can be as loaded as on machines of their own.</summary>
/// <remarks>
/// A model file says <c>base 4000 row 120 width 8</c>: a run of so many rows takes 4,000 µs and 120 µs more for each. Its output <c>y</c> (INT64) is its input <c>x</c> plus one. A
/// file <c>factor</c> beside it makes it so many times slower, from then on; it is looked at twice a second.
/// </remarks>
public sealed class TimedBackend(BlockPool pool, TimeProvider time) : IExecutionBackend
{
    public string Name => "onnxruntime";

    /// <summary>What a model file says.</summary>
    public static string Script(int baseMicroseconds, int rowMicroseconds, int width = 1) =>
        string.Create(CultureInfo.InvariantCulture, $"base {baseMicroseconds} row {rowMicroseconds} width {width}");

    public ILoadedModel Load(ModelSource source)
    {
        string[] words = File.ReadAllText(source.File).Split(' ', StringSplitOptions.TrimEntries);
        if (words is not ["base", { } start, "row", { } row, "width", { } width]) throw new ModelLoadException("the file is not one of a timed model");
        return new Model(this, source.File, double.Parse(start, CultureInfo.InvariantCulture), double.Parse(row, CultureInfo.InvariantCulture), int.Parse(width, CultureInfo.InvariantCulture));
    }

    private BlockPool Pool { get; } = pool;

    private TimeProvider Time { get; } = time;

    private sealed class Model(TimedBackend backend, string file, double start, double row, int width) : ILoadedModel
    {
        public ModelSignature Signature { get; } = new([new TensorSignature("x", DataType.Int64, -1, width)], [new TensorSignature("y", DataType.Int64, -1, width)]);

        public string Device => "timer";

        public IReadOnlyList<IModelExecutor> CreateExecutors(ModelLayout layout, InstanceGroup group, int instances) => OperatingSystem.IsLinux()
            ? [new TimedExecutor(layout, backend.Pool, backend.Time, file, start, row)]
            : throw new ModelLoadException("timed models need the punctual waits of Linux");

        public void Dispose()
        {
        }
    }
}
