using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.TestSupport;

/// <summary>A backend whose model files are a few words: <c>add 5 width 2 output y end</c> gives each of two INT64 elements a row back with 5 added to it.</summary>
/// <remarks>A file without its <c>end</c> is cut off and cannot be loaded, nor can one that says <c>broken</c>. Counts what is open, so that a test sees what was not closed.</remarks>
public sealed class ScriptedBackend(BlockPool pool, TimeProvider time) : IExecutionBackend
{
    private readonly ConcurrentDictionary<string, int> _loading = new(StringComparer.Ordinal);
    private int _open;
    private int _loadingNow;

    public string Name => "onnxruntime";

    /// <summary>Files that are open.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Files that were ever opened, those that failed included.</summary>
    public int Loads { get; private set; }

    /// <summary>Most files of one model, and of all, that were being loaded at once.</summary>
    public int MostOfOneModel { get; private set; }

    public int MostAtOnce { get; private set; }

    /// <summary>Is called in the middle of each load.</summary>
    public Action<ModelSource>? Loading { get; set; }

    /// <summary>Is called in each load; what it gives is disposed with the model.</summary>
    public Func<ModelSource, IDisposable>? Taking { get; set; }

    /// <summary>Is called in each run.</summary>
    public Action? Running { get; set; }

    public static string Script(long add, int width = 1, string output = "y") => string.Create(CultureInfo.InvariantCulture, $"add {add} width {width} output {output} end");

    public ILoadedModel Load(ModelSource source)
    {
        lock (_loading)
        {
            Loads++;
            MostOfOneModel = Math.Max(MostOfOneModel, _loading[source.Name] = _loading.GetValueOrDefault(source.Name) + 1);
            MostAtOnce = Math.Max(MostAtOnce, ++_loadingNow);
        }

        try
        {
            string[] words = File.ReadAllText(source.File).Split(' ');
            Loading?.Invoke(source);
            if (words[0] == "broken") throw new ModelLoadException(string.Join(' ', words[1..]));
            if (words is not ["add", { } add, "width", { } width, "output", { } output, "end"]) throw new ModelLoadException("the file is cut off");
            IDisposable? taken = Taking?.Invoke(source);
            Interlocked.Increment(ref _open);
            return new Model(this, long.Parse(add, CultureInfo.InvariantCulture), int.Parse(width, CultureInfo.InvariantCulture), output, taken);
        }
        finally
        {
            lock (_loading)
            {
                _loading[source.Name]--;
                _loadingNow--;
            }
        }
    }

    private sealed class Model(ScriptedBackend backend, long add, int width, string output, IDisposable? taken) : ILoadedModel
    {
        public ModelSignature Signature { get; } = new([new TensorSignature("x", DataType.Int64, -1, width)], [new TensorSignature(output, DataType.Int64, -1, width)]);

        public string Device => "script";

        public IReadOnlyList<IModelExecutor> CreateExecutors(ModelLayout layout, InstanceGroup group, int instances) =>
        [
            new FunctionExecutor(layout, backend.Pool, backend.Time, (_, inputs, outputs) =>
            {
                backend.Running?.Invoke();
                ReadOnlySpan<long> from = MemoryMarshal.Cast<byte, long>(inputs[0].AsSpan());
                Span<long> to = MemoryMarshal.Cast<byte, long>(outputs[0].AsSpan());
                for (int i = 0; i < from.Length; i++) to[i] = from[i] + add;
            }),
        ];

        public void Dispose()
        {
            taken?.Dispose();
            Interlocked.Decrement(ref backend._open);
        }
    }

    private BlockPool Pool { get; } = pool;

    private TimeProvider Time { get; } = time;
}
