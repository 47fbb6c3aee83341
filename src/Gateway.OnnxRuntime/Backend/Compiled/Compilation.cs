using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Backend.Devices;
using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>One model version and what is to run it: how its compiled form is made, compared with the model, kept, and loaded.</summary>
/// <remarks>
/// <b>Behaviour</b>: the compiled form is the graph as ONNX Runtime leaves it after its optimisation at the configured level, with the layouts that it chooses for this
/// processor; loading it skips that work. TensorRT's is the model around the engine that it built. <b>Threading</b>: one thread. Whoever loads a session holds the
/// gate of a device that has one; <see cref="Make"/> takes it itself, for what it does on the device alone.
/// </remarks>
internal sealed class Compilation
{
    // Protobuf's limit of 2 GiB for a file, with room for what optimisation adds; what is larger gets its weights beside it.
    private const long MostFileBytes = 1L << 30;

    // Rows of the made-up requests that a remade one is compared on, as of those of a command without a file.
    private static readonly int[] TriedRows = [1, 2, 5];

    private readonly OrtEnvironment _environment;
    private readonly ModelSource _source;
    private readonly ModelConfig _config;
    private readonly TimeProvider _time;

    public Compilation(OrtEnvironment environment, ModelSource source, ProviderChoice choice, TimeProvider time)
    {
        _environment = environment;
        _source = source;
        _config = source.Declared ?? new ModelConfig { Name = source.Name };
        Choice = choice;
        _time = time;
        Folder = new CompiledFolder(Path.GetDirectoryName(source.File)!, choice.Name);
    }

    public CompiledFolder Folder { get; }

    /// <summary>What is to run it.</summary>
    public ProviderChoice Choice { get; }

    private bool IsTensorRt => Choice.Providers.Any(provider => provider.Name == OrtProviders.TensorRt);

    /// <summary>What made now would hold for.</summary>
    /// <param name="files">See <see cref="ModelSource.FilesDigest"/>.</param>
    public CompiledKey Key(byte[] files) => CompiledKey.Of(files, _config, Choice);

    /// <summary>For sessions that are run once and waited for; null for the CPU. The caller disposes it.</summary>
    /// <exception cref="ModelLoadException">The device is not there.</exception>
    public static DeviceTraits? TraitsFor(ProviderChoice choice) => choice.IsCpu ? null : DeviceTraits.Of(choice, isPipelined: false, recordsGraphs: false);

    public OrtSession LoadSource(int threads, DeviceTraits? traits)
    {
        using OrtSessionOptions options = SessionSettings.For(_config, Choice, threads, traits);
        return OrtSession.Load(_environment, _source.File, options);
    }

    /// <remarks>Without optimisation: there is nothing left of it to do, and looking for it is what takes the time.</remarks>
    public OrtSession LoadCompiled(string file, int threads, DeviceTraits? traits)
    {
        using OrtSessionOptions options = SessionSettings.For(Unoptimized, Choice, threads, traits);
        return OrtSession.Load(_environment, file, options);
    }

    /// <summary>Looks for one that fits and is whole.</summary>
    /// <param name="files">Being made; it is waited for only if there is one.</param>
    /// <param name="whyNot">Why what there is cannot be used; null when it can, and when there is nothing.</param>
    /// <returns>What there is, whether it can be used or not; null for nothing that can be read.</returns>
    public CompiledRecord? Find(Task<byte[]> files, out string? whyNot)
    {
        whyNot = null;
        if (!Folder.Exists) return null;
        if (Folder.Read() is not { } found)
        {
            whyNot = "what was written about it cannot be read";
            return null;
        }

        // Before it is loaded: what is wrong with a graph with layouts of its own, ONNX Runtime may not notice. And beside the digest of the model's files.
        string? damage = Folder.Damage(found);
        whyNot = found.For.WhyNot(Key(files.GetAwaiter().GetResult())) ?? damage;
        return found;
    }

    /// <summary>Whether the version's files are still those; a deployment may have put others in their place.</summary>
    public bool HasFiles(byte[] files)
    {
        try
        {
            return ModelDigest.OfFiles(Path.GetDirectoryName(_source.File)!).AsSpan().SequenceEqual(files);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Makes it, and keeps it if its answers are near enough to the model's, which the CPU gives without optimisation.</summary>
    /// <param name="traits">See <see cref="TraitsFor"/>.</param>
    /// <param name="inputs">What to try it with, in the model's own shapes; null for made-up ones.</param>
    /// <param name="tolerance">See <see cref="OutputDifference"/>.</param>
    /// <param name="tried">Is called after each of the inputs.</param>
    /// <exception cref="ModelLoadException">It cannot be made, compared or written, or the files are others meanwhile.</exception>
    public CompiledModel Make(byte[] files, DeviceTraits? traits, IEnumerable<IReadOnlyList<TrialTensor>>? inputs, double? tolerance, Action? tried = null)
    {
        string file = Folder.NewFile();
        CompiledRecord? kept = null;
        try
        {
            Write(file, traits);
            OutputDifference[] differences = Compare(file, traits, inputs, tolerance, tried, out int runs);
            if (!HasFiles(files)) throw new ModelLoadException("the model's files have changed while it was compiled");
            CompiledKey key = Key(files);
            if (differences.All(difference => difference.IsAccepted)) kept = Folder.Keep(file, _time.GetUtcNow().UtcDateTime, tolerance, key);
            return new CompiledModel(kept, key, differences, runs);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException($"it cannot be written: {error.Message}", error);
        }
        finally
        {
            if (kept is null) CompiledFolder.Discard(file);
        }
    }

    private ModelConfig Unoptimized => _config with { Optimization = _config.Optimization with { GraphOptimization = GraphOptimization.None } };

    private void Write(string file, DeviceTraits? traits)
    {
        // ONNX Runtime's own error would come after all its work.
        File.WriteAllBytes(file, []);
        try
        {
            traits.Guard(() =>
            {
                using OrtSessionOptions options = SessionSettings.For(_config, Choice, intraOpThreads: 1, traits);
                if (IsTensorRt)
                {
                    options.ConfigEntry("ep.context_enable", "1").ConfigEntry("ep.context_embed_mode", "1").ConfigEntry("ep.context_file_path", file);
                    File.Delete(file);
                }
                else
                {
                    options.WriteOptimizedModel(file);
                    if (SourceBytes > MostFileBytes) options.ConfigEntry("session.optimized_model_external_initializers_file_name", Path.GetFileName(CompiledFolder.WeightsOf(file)));
                }

                OrtSession.Load(_environment, _source.File, options).Dispose();
            });
        }
        catch (OrtException error)
        {
            throw new ModelLoadException($"it cannot be compiled for {Choice.Name}: {error.Message}", error);
        }

        if (!File.Exists(file) || new FileInfo(file).Length == 0) throw new ModelLoadException($"it cannot be compiled for {Choice.Name}: ONNX Runtime wrote nothing");
    }

    private long SourceBytes => new DirectoryInfo(Path.GetDirectoryName(_source.File)!).EnumerateFiles().Where(file => !file.Name.StartsWith('.')).Sum(file => file.Length);

    private OutputDifference[] Compare(string file, DeviceTraits? traits, IEnumerable<IReadOnlyList<TrialTensor>>? inputs, double? tolerance, Action? tried, out int runs)
    {
        try
        {
            using OrtSessionOptions options = SessionSettings.For(Unoptimized, ProviderChoice.Cpu, SessionSettings.SharedThreads);
            using OrtSession reference = OrtSession.Load(_environment, _source.File, options);
            OrtSession compiled = traits.Guard(() => LoadCompiled(file, threads: 1, traits));
            try
            {
                return Compare(reference, compiled, traits, inputs ?? TriedRows.Select(rows => RandomInputs.Of(reference.Inputs, rows, seed: rows)), tolerance, tried, out runs);
            }
            finally
            {
                traits.Guard(compiled.Dispose);
            }
        }
        catch (Exception error) when (error is OrtException or OverflowException or OutOfMemoryException)
        {
            throw new ModelLoadException($"it cannot be compared on {(inputs is null ? "made-up inputs" : "the inputs")}: {error.Message}", error);
        }
    }

    private static OutputDifference[] Compare(OrtSession reference, OrtSession compiled, DeviceTraits? traits, IEnumerable<IReadOnlyList<TrialTensor>> inputs, double? tolerance, Action? tried, out int runs)
    {
        runs = 0;
        OutputDifference[] differences = [.. reference.Outputs.Select(output => new OutputDifference(output.Name, output.ElementType, tolerance))];
        foreach (IReadOnlyList<TrialTensor> each in inputs)
        {
            IReadOnlyList<TrialTensor> expected = Trial.Answer(reference, each);
            IReadOnlyList<TrialTensor> actual = traits.Guard(() => AnswerCompiled(compiled, each));
            for (int output = 0; output < differences.Length; output++) differences[output].Add(expected[output], actual[output]);
            runs++;
            tried?.Invoke();
        }

        return runs > 0 ? differences : throw new ModelLoadException("there is nothing in the inputs to compare it on");
    }

    private static IReadOnlyList<TrialTensor> AnswerCompiled(OrtSession compiled, IReadOnlyList<TrialTensor> inputs)
    {
        long errors = OrtDeviceErrors.Count;
        IReadOnlyList<TrialTensor> answer = Trial.Answer(compiled, inputs);
        return OrtDeviceErrors.Count == errors ? answer : throw new ModelLoadException($"a run of it failed: {OrtDeviceErrors.Last}");
    }
}
