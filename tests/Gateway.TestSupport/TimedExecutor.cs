using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Timing;

namespace Gateway.TestSupport;

/// <summary>An instance of a <see cref="TimedBackend"/>'s model.</summary>
[SupportedOSPlatform("linux")]
internal sealed class TimedExecutor : IModelExecutor
{
    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(0.5);

    private readonly FunctionExecutor _inner;
    private readonly KernelWait _wait = new();
    private readonly TimeProvider _time;
    private readonly string _factorFile;
    private readonly double _start;
    private readonly double _row;
    private double _factor = 1;
    private long _lookedAt = long.MinValue / 2;

    public TimedExecutor(ModelLayout layout, BlockPool pool, TimeProvider time, string file, double start, double row)
    {
        _time = time;
        _start = start;
        _row = row;
        _factorFile = Path.Combine(Path.GetDirectoryName(file)!, "factor");
        _inner = new FunctionExecutor(layout, pool, time, (batch, inputs, outputs) =>
        {
            ReadOnlySpan<long> from = MemoryMarshal.Cast<byte, long>(inputs[0]);
            Span<long> to = MemoryMarshal.Cast<byte, long>(outputs[0].AsSpan());
            for (int i = 0; i < from.Length; i++) to[i] = from[i] + 1;
            Sleep(batch.PaddedRows, batch.RunStart);
        });
    }

    public BatchOutput Execute(Batch batch) => _inner.Execute(batch);

    public bool TryMeasure(int rows, out long ticks)
    {
        long begin = _time.GetTimestamp();
        Sleep(rows, begin);
        ticks = _time.GetTimestamp() - begin;
        return true;
    }

    public void Terminate() => _wait.Wake();

    public void Dispose()
    {
        _inner.Dispose();
        _wait.Dispose();
    }

    private void Sleep(int rows, long begin)
    {
        KernelWait.MakeThreadPunctual();
        if (_time.GetElapsedTime(_lookedAt) > LookPeriod)
        {
            _lookedAt = _time.GetTimestamp();
            _factor = File.Exists(_factorFile) ? double.Parse(File.ReadAllText(_factorFile), CultureInfo.InvariantCulture) : 1;
        }

        TimeSpan left = TimeSpan.FromMicroseconds(_factor * (_start + (_row * rows))) - _time.GetElapsedTime(begin);
        if (left > TimeSpan.Zero) _wait.Wait(left);
    }
}
