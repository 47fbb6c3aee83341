using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Backend.Devices;
using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Sessions;
using Microsoft.Extensions.Logging;

namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>Compiles one model version for one provider, and measures what it brings.</summary>
/// <remarks><b>Threading</b>: one thread. <b>Ownership</b>: the caller disposes it.</remarks>
public sealed class ModelCompiler : IDisposable
{
    // Loads are in the milliseconds or in the tens of seconds.
    private const int MostLoads = 15;
    private const int LeastLoads = 3;
    private const int MostRuns = 200;
    private const int LeastRuns = 5;
    private static readonly TimeSpan LoadBudget = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RunBudget = TimeSpan.FromSeconds(3);

    private readonly OrtEnvironment _environment;
    private readonly Compilation _compilation;
    private readonly DeviceTraits? _traits;
    private readonly string _folder;
    private readonly TimeProvider _time;

    /// <param name="provider">As <c>gpu_execution_accelerator</c> has it, or <c>cpu</c>; with the options that the model's configuration has for it.</param>
    /// <exception cref="ModelLoadException">The provider cannot be had, or the model cannot be loaded.</exception>
    public ModelCompiler(ModelSource source, string provider, TimeProvider time, ILoggerFactory loggers)
    {
        _time = time;
        _folder = Path.GetDirectoryName(source.File)!;
        ProviderChoice choice = Choose(source.Declared ?? new ModelConfig { Name = source.Name }, provider);
        _environment = OrtEnvironment.Open(loggers.CreateLogger("OnnxRuntime"), OnnxRuntimeBackend.SharedPools);
        try
        {
            _compilation = new Compilation(_environment, source, choice, time);
            _traits = Compilation.TraitsFor(choice);
            Layout = _traits.Guard(() =>
            {
                using OrtSession session = _compilation.LoadSource(threads: 1, _traits);
                return ModelLayoutBuilder.Build(source, OnnxModel.SignatureOf(session));
            });
        }
        catch (OrtException error)
        {
            Dispose();
            throw new ModelLoadException(error.Message, error);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ModelLayout Layout { get; }

    /// <summary>Makes the compiled form, compares it, and keeps it if it is near enough.</summary>
    /// <inheritdoc cref="Compilation.Make"/>
    public CompileReport Compile(IEnumerable<IReadOnlyList<TrialTensor>>? inputs, double? tolerance, Action? tried = null)
    {
        try
        {
            CompiledModel made = _compilation.Make(ModelDigest.OfFiles(_folder), _traits, inputs, tolerance, tried);
            CompiledKey key = made.Key;
            (string, string)[] madeOn = [("model", key.Files[..16]), ("ONNX Runtime", key.Runtime), ("provider", key.Providers), ("settings", key.Settings), ("machine", key.Machine)];
            return new CompileReport(made.Record is { } record ? _compilation.Folder.PathOf(record) : null, made.Record?.Bytes ?? 0, madeOn, made.Differences, made.Runs);
        }
        catch (IOException error)
        {
            throw new ModelLoadException(error.Message, error);
        }
    }

    /// <summary>Measures loading and running the model and its compiled form, which has to be there.</summary>
    /// <param name="progress">Is told the part that is done, 0 to 1.</param>
    /// <exception cref="ModelLoadException">What was compiled is gone, or does not load.</exception>
    public CompileTimes Measure(Action<double>? progress = null)
    {
        try
        {
            (TimeSpan source, TimeSpan compiled) = _traits.Guard(() => InTurns(LeastLoads, MostLoads, LoadBudget, () => LoadSource().Dispose(), () => LoadCompiled().Dispose()));
            progress?.Invoke(0.5);
            return new CompileTimes(source, compiled, _traits.Guard(MeasureRuns));
        }
        catch (OrtException error)
        {
            throw new ModelLoadException(error.Message, error);
        }
    }

    public void Dispose()
    {
        _traits?.Dispose();
        _environment.Dispose();
    }

    private static ProviderChoice Choose(ModelConfig config, string provider)
    {
        if (provider == ExecutionAccelerator.Cpu) return ProviderChoice.Cpu;
        ExecutionAccelerator[] named = [.. config.Optimization.GpuAccelerators.Where(each => each.Name == provider || (provider == ExecutionAccelerator.Cuda && each.Name == ExecutionAccelerator.TensorRt))];
        if (named.Length == 0) named = [new ExecutionAccelerator(provider, new Dictionary<string, string>(), new Dictionary<string, string>())];
        InstanceGroup group = config.InstanceGroups.FirstOrDefault(each => each.Kind == InstanceKind.Gpu) ?? new InstanceGroup { Kind = InstanceKind.Gpu };
        return ProviderChain.For(config with { Optimization = config.Optimization with { GpuAccelerators = named } }, group)[0];
    }

    private OrtSession LoadSource()
    {
        Task files = Task.Run(() => ModelDigest.OfFiles(_folder));
        OrtSession session = _compilation.LoadSource(threads: 1, _traits);
        files.GetAwaiter().GetResult();
        return session;
    }

    private OrtSession LoadCompiled()
    {
        Task<byte[]> files = Task.Run(() => ModelDigest.OfFiles(_folder));
        CompiledRecord? found = _compilation.Find(files, out string? whyNot);
        if (found is null || whyNot is not null) throw new ModelLoadException(whyNot ?? "what was compiled is gone");
        return _compilation.LoadCompiled(_compilation.Folder.PathOf(found), threads: 1, _traits);
    }

    private IReadOnlyList<RunTimes> MeasureRuns()
    {
        using OrtSession source = LoadSource();
        using OrtSession compiled = LoadCompiled();
        List<RunTimes> all = [];
        foreach (int rows in new[] { 1, Layout.MaxBatchRows }.Distinct())
        {
            IReadOnlyList<TrialTensor> inputs = RandomInputs.Of(source.Inputs, rows, seed: 1);
            using Trial one = new(source, inputs);
            using Trial other = new(compiled, inputs);
            try
            {
                one.Run();
                other.Run();
            }
            catch (OrtException)
            {
                return [];
            }

            (TimeSpan ofSource, TimeSpan ofCompiled) = InTurns(LeastRuns, MostRuns, RunBudget, one.Run, other.Run);
            all.Add(new RunTimes(rows, ofSource, ofCompiled));
        }

        return all;
    }

    /// <summary>In turns, so that a machine that slows down meanwhile slows down both.</summary>
    private (TimeSpan One, TimeSpan Other) InTurns(int least, int most, TimeSpan budget, Action one, Action other)
    {
        List<TimeSpan> ones = [], others = [];
        long start = _time.GetTimestamp();
        while (ones.Count < least || (ones.Count < most && _time.GetElapsedTime(start) < budget))
        {
            // Who comes first may find the caches warm.
            bool isOneFirst = ones.Count % 2 == 0;
            if (isOneFirst) ones.Add(TimeOf(one));
            others.Add(TimeOf(other));
            if (!isOneFirst) ones.Add(TimeOf(one));
        }

        return (Median(ones), Median(others));
    }

    private TimeSpan TimeOf(Action action)
    {
        long start = _time.GetTimestamp();
        action();
        return _time.GetElapsedTime(start);
    }

    private static TimeSpan Median(List<TimeSpan> times) => times.Order().ElementAt(times.Count / 2);
}
