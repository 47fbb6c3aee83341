using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Requests;
using Gateway.OnnxRuntime.Backend;
using Gateway.OnnxRuntime.Backend.Compiled;
using Gateway.OnnxRuntime.Backend.Devices;
using Gateway.OnnxRuntime.Sessions;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;
using Gateway.UnitTests.Execution;
using Gateway.UnitTests.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.UnitTests.OnnxRuntime.Backend.Compiled;

/// <summary>From <c>gateway compile</c> to the next load, and what may have happened between the two.</summary>
[Collection(OrtTests.Name)]
public sealed class CompiledModelTests : IDisposable
{
    private const int Side = 64;
    private const string Record = ".compiled-cpu.json";

    private readonly string _root = Directory.CreateTempSubdirectory("gateway-compiled-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("denoise")]
    [InlineData("digits")]
    [InlineData("language")]
    [InlineData("wine")]
    public async Task Compile_SampleModel_IsServedWithTheSameAnswers(string name)
    {
        AddSample(name);
        string before = FolderStamp.Of(Path.Combine(_root, name)).Text;
        byte[] digest = ModelDigest.OfFiles(Path.Combine(_root, name, "1"));
        await using TestRepository plain = await new TestRepository(_root).LoadAsync();
        byte[][] expected = await AnswerAsync(plain, name);

        CompileReport report = Compile(name);

        Assert.NotNull(report.File);
        Assert.Equal(new FileInfo(report.File).Length, report.Bytes);
        Assert.All(report.Differences, difference => Assert.True(difference.IsAccepted, $"{difference.Name}: {difference}"));
        Assert.Equal(before, FolderStamp.Of(Path.Combine(_root, name)).Text);
        Assert.Equal(digest, ModelDigest.OfFiles(Path.Combine(_root, name, "1")));
        await using TestRepository compiled = await new TestRepository(_root).LoadAsync();
        Assert.Equal((false, true), (IsCompiled(plain, name), IsCompiled(compiled, name)));
        Assert.Equal(plain.Catalog.Find(name, 0).Digest, compiled.Catalog.Find(name, 0).Digest);
        Assert.Equal(expected, await AnswerAsync(compiled, name));
    }

    [Theory]
    [InlineData("Runtime", "1.29.0")]
    [InlineData("Library", "00")]
    [InlineData("Providers", "CUDA")]
    [InlineData("Settings", "graph optimisation None")]
    [InlineData("Machine", "X64, another processor")]
    [InlineData("Files", "00")]
    public async Task Load_MadeForSomethingElse_IsMadeAnew(string what, string value)
    {
        Write("m", constant: 2);
        Compile("m");
        JsonObject record = JsonNode.Parse(File.ReadAllText(In("m", Record)))!.AsObject();
        string made = record["For"]![what]!.GetValue<string>();
        record["For"]![what] = value;
        File.WriteAllText(In("m", Record), record.ToJsonString());

        await AssertServedAsync("m", 2, isCompiled: true);

        Assert.Equal(made, JsonNode.Parse(File.ReadAllText(In("m", Record)))!["For"]![what]!.GetValue<string>());
        AssertOneCompiled("m");
    }

    [Fact]
    public async Task Load_ModelHasChanged_IsMadeAnewFromIt()
    {
        Write("m", constant: 2);
        Compile("m");
        Write("m", constant: 3);

        await AssertServedAsync("m", 3, isCompiled: true);

        AssertOneCompiled("m");
    }

    [Fact]
    public async Task Load_ConfigurationHasChanged_IsMadeAnewWithIt()
    {
        Write("m", constant: 2);
        Compile("m");
        File.WriteAllText(Path.Combine(_root, "m", "config.pbtxt"), "max_batch_size: 4 optimization { graph { level: 1 } }");

        await AssertServedAsync("m", 2, isCompiled: true);

        Assert.Contains("Extended", File.ReadAllText(In("m", Record)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a changed byte")]
    [InlineData("a cut file")]
    [InlineData("no file")]
    [InlineData("no JSON")]
    [InlineData("a record of something else")]
    [InlineData("a record that leads elsewhere")]
    public async Task Load_Damaged_IsMadeAnew(string damage)
    {
        Write("m", constant: 2);
        string file = Compile("m").File!;
        byte[] bytes = File.ReadAllBytes(file);
        switch (damage)
        {
            case "a changed byte":
                bytes[^40] ^= 1;
                File.WriteAllBytes(file, bytes);
                break;
            case "a cut file": File.WriteAllBytes(file, bytes[..(bytes.Length / 2)]); break;
            case "no file": File.Delete(file); break;
            case "no JSON": File.WriteAllText(In("m", Record), "}"); break;
            case "a record of something else": File.WriteAllText(In("m", Record), """{ "File": null }"""); break;
            default: File.WriteAllText(In("m", Record), File.ReadAllText(In("m", Record)).Replace(Path.GetFileName(file), "../1/model.onnx", StringComparison.Ordinal)); break;
        }

        await AssertServedAsync("m", 2, isCompiled: true);
        await AssertServedAsync("m", 2, isCompiled: true);
    }

    [Fact]
    public async Task Load_FitsAndIsWholeAndIsRefused_IsLeftAndTheModelServed()
    {
        Write("m", constant: 2);
        byte[] refused = [1, 2, 3];
        File.WriteAllBytes(Compile("m").File!, refused);
        JsonObject record = JsonNode.Parse(File.ReadAllText(In("m", Record)))!.AsObject();
        record["Digest"] = Convert.ToHexStringLower(SHA256.HashData(refused));
        File.WriteAllText(In("m", Record), record.ToJsonString());
        string[] before = Compiled("m");

        await AssertServedAsync("m", 2, isCompiled: false);

        Assert.Equal(before, Compiled("m"));
        Assert.Equal(record.ToJsonString(), File.ReadAllText(In("m", Record)));
    }

    [Fact]
    public void Load_ModelIsReplacedMeanwhile_LeavesWhatIsForTheOtherOne()
    {
        Write("m", constant: 2);
        Compile("m");
        string record = File.ReadAllText(In("m", Record));
        using BlockPool pool = new(1 << 20);
        using OnnxRuntimeBackend backend = new(pool, TimeProvider.System, NullLoggerFactory.Instance);
        ModelSource source = ModelVersions.Find([_root], "m", null) with { FilesDigest = Task.FromResult(new byte[SHA256.HashSizeInBytes]), MayStore = true };

        using ILoadedModel model = backend.Load(source);

        Assert.Equal(record, File.ReadAllText(In("m", Record)));
        AssertOneCompiled("m");
    }

    [Fact]
    public async Task Load_MadeAnewHasNoInputsOfThatSize_ServesTheModel()
    {
        Directory.CreateDirectory(Path.Combine(_root, "m", "1"));
        File.WriteAllBytes(In("m", "model.onnx"), OnnxFile.First(Side, -1, 1L << 31, 1L << 31));
        File.WriteAllText(In("m", Record), "{}");
        await using TestRepository repository = await new TestRepository(_root).LoadAsync();

        Assert.Equal(ModelState.Ready, repository.Status("m").State);

        Assert.False(IsCompiled(repository, "m"));
        Assert.Empty(Compiled("m"));
        Assert.Contains("made-up inputs", Assert.Throws<ModelLoadException>(() => Compile("m")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_DoesNotFit_WritesNothing()
    {
        Write("m", constant: 2);
        Compile("m");
        Write("m", constant: 3);
        string[] before = Compiled("m");
        string record = File.ReadAllText(In("m", Record));
        await using TestRepository repository = new(_root);

        Assert.Equal(ModelState.Ready, Assert.Single(repository.Check()).State);

        Assert.Equal(before, Compiled("m"));
        Assert.Equal(record, File.ReadAllText(In("m", Record)));
    }

    [Fact]
    public async Task LoadAsync_ConfigurationOfTheCalls_LeavesWhatIsForTheRepositorysAlone()
    {
        Write("m", constant: 2);
        Compile("m");
        string record = File.ReadAllText(In("m", Record));
        await using TestRepository repository = await new TestRepository(new RepositoryOptions([_root]) { Mode = ModelControlMode.Explicit, AllowsOverride = true }).LoadAsync();

        await repository.Repository.LoadAsync("m", new LoadOverride("""{ "max_batch_size": 4, "optimization": { "graph": { "level": 1 } } }""", new Dictionary<string, byte[]>()));

        Assert.False(IsCompiled(repository, "m"));
        Assert.Equal(record, File.ReadAllText(In("m", Record)));
        await repository.Repository.LoadAsync("m");
        Assert.True(IsCompiled(repository, "m"));
    }

    [Fact]
    public async Task Compile_AnswersTooFar_KeepsNothing()
    {
        AddSample("denoise");

        CompileReport report = Compile("denoise", tolerance: 0);

        Assert.Null(report.File);
        Assert.Contains(report.Differences, difference => difference.Differing > 0 && !difference.IsAccepted);
        Assert.Empty(Compiled("denoise"));
        await using TestRepository repository = await new TestRepository(_root).LoadAsync();
        Assert.False(IsCompiled(repository, "denoise"));
    }

    [Fact]
    public void Compile_ModelIsReplacedMeanwhile_KeepsNothing()
    {
        Write("m", constant: 2);
        using ModelCompiler compiler = new(ModelVersions.Find([_root], "m", null), "cpu", TimeProvider.System, NullLoggerFactory.Instance);

        ModelLoadException error = Assert.Throws<ModelLoadException>(() => compiler.Compile(inputs: null, tolerance: null, () => Write("m", constant: 3)));

        Assert.Contains("have changed", error.Message, StringComparison.Ordinal);
        Assert.Empty(Compiled("m"));
    }

    [Fact]
    public async Task Load_MadeAnewIsTooFar_ServesTheModelAndTriesItOnce()
    {
        AddSample("denoise");
        Compile("denoise");
        JsonObject record = JsonNode.Parse(File.ReadAllText(In("denoise", Record)))!.AsObject();
        record["Tolerance"] = 0;
        record["For"]!["Runtime"] = "1.29.0";
        File.WriteAllText(In("denoise", Record), record.ToJsonString());

        await using TestRepository repository = await new TestRepository(_root).LoadAsync();

        Assert.False(IsCompiled(repository, "denoise"));
        Assert.Empty(Compiled("denoise"));
    }

    [Fact]
    public async Task Load_FolderCannotBeWritten_ServesTheModel()
    {
        // Names of what is compiled do not fit into a path, for there is no folder that this user, if it is root, could not write into.
        string root = _root;
        int length = 4095 - "/m/1/.compiled-cpu.json".Length;
        while (length - root.Length > 250) root = Path.Combine(root, new string('r', 100));
        root = Path.Combine(root, new string('r', length - root.Length - 1));
        string version = Directory.CreateDirectory(Path.Combine(root, "m", "1")).FullName;
        File.WriteAllBytes(Path.Combine(version, "model.onnx"), OnnxFile.Constant(2, Side));
        File.WriteAllText(Path.Combine(version, Record), "{}");
        await using TestRepository repository = await new TestRepository(root).LoadAsync();

        Assert.Equal(2, await ConstantAsync(repository, "m"));

        Assert.False(IsCompiled(repository, "m"));
        Assert.Contains("cannot be written", Assert.Throws<ModelLoadException>(() => Compile("m", root: root)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Compile_WeightsInAnotherFile_IsServed()
    {
        string version = Directory.CreateDirectory(Path.Combine(_root, "m", "1")).FullName;
        File.WriteAllBytes(Path.Combine(version, "model.onnx"), OnnxFile.WithWeightsIn("weights", bytes: Side * sizeof(float)));
        float[] weights = new float[Side];
        Array.Fill(weights, 5);
        File.WriteAllBytes(Path.Combine(version, "weights"), MemoryMarshal.AsBytes<float>(weights).ToArray());

        Assert.NotNull(Compile("m").File);

        await AssertServedAsync("m", 5, isCompiled: true);
    }

    [Fact]
    public async Task Reload_WhileItIsCompiled_GoesWell()
    {
        Write("m", constant: 2);
        await using TestRepository repository = await new TestRepository(new RepositoryOptions([_root]) { Mode = ModelControlMode.Explicit, StartupModels = ["m"] }).LoadAsync();
        Task compiling = Task.Run(() =>
        {
            for (int i = 0; i < 20; i++) Compile("m");
        }, TestContext.Current.CancellationToken);

        for (int i = 0; i < 20 || !compiling.IsCompleted; i++)
        {
            // What looks as it did is not loaded anew.
            File.SetLastWriteTimeUtc(In("m", "model.onnx"), File.GetLastWriteTimeUtc(In("m", "model.onnx")).AddSeconds(1));
            await repository.Repository.LoadAsync("m");
            Assert.Equal(2, await ConstantAsync(repository, "m"));
        }

        await compiling;
        File.SetLastWriteTimeUtc(In("m", "model.onnx"), DateTime.UnixEpoch);
        await repository.Repository.LoadAsync("m");
        Assert.True(IsCompiled(repository, "m"));
    }

    [Fact]
    public void Compile_ProviderIsNotHere_SaysWhatIsMissing()
    {
        Write("m", constant: 2);

        ModelLoadException error = Assert.Throws<ModelLoadException>(() => Compile("m", provider: "cuda"));

        Assert.Contains("CUDA", error.Message, StringComparison.Ordinal);
        Assert.Empty(Compiled("m"));
    }

    [Fact]
    public async Task Compile_ForWebGpu_IsServedThere()
    {
        Assert.SkipWhen(VulkanDevice.Missing is not null, VulkanDevice.Missing ?? "");
        AddSample("digits");
        string config = Path.Combine(_root, "digits", "config.pbtxt");
        File.WriteAllText(config, File.ReadAllText(config).Replace("kind: KIND_CPU", "kind: KIND_GPU", StringComparison.Ordinal) + """
            optimization { execution_accelerators { gpu_execution_accelerator [ { name: "webgpu" } ] } }
            """);
        await using TestRepository plain = await new TestRepository(_root).LoadAsync();
        byte[][] expected = await AnswerAsync(plain, "digits");

        Assert.NotNull(Compile("digits", provider: "webgpu").File);

        await using TestRepository compiled = await new TestRepository(_root).LoadAsync();
        Assert.True(IsCompiled(compiled, "digits"));
        Assert.Equal("webgpu", compiled.Catalog.Find("digits", 0).Placements[0].Provider);
        Assert.Equal(expected, await AnswerAsync(compiled, "digits"));
    }

    [Fact]
    public async Task Load_ForWebGpuDoesNotFit_IsMadeAnew()
    {
        Assert.SkipWhen(VulkanDevice.Missing is not null, VulkanDevice.Missing ?? "");
        Write("m", constant: 2);
        File.WriteAllText(Path.Combine(_root, "m", "config.pbtxt"), """
            max_batch_size: 4
            instance_group [ { kind: KIND_GPU } ]
            optimization { execution_accelerators { gpu_execution_accelerator [ { name: "webgpu" } ] } }
            """);
        Compile("m", provider: "webgpu");
        Write("m", constant: 3);

        await AssertServedAsync("m", 3, isCompiled: true);
    }

    [Fact]
    public void Compile_ForWebGpu_LeavesTheDeviceToOthersWhileTheCpuAnswers()
    {
        Assert.SkipWhen(VulkanDevice.Missing is not null, VulkanDevice.Missing ?? "");
        Write("m", constant: 2);
        using ModelCompiler compiler = new(ModelVersions.Find([_root], "m", null), "webgpu", TimeProvider.System, NullLoggerFactory.Instance);
        using DeviceTraits traits = DeviceTraits.Of(new ProviderChoice("webgpu", [(OrtProviders.WebGpu, new Dictionary<string, string>())], 0), isPipelined: false, recordsGraphs: false);
        int passes = 0;

        compiler.Compile(inputs: null, tolerance: null, () =>
        {
            Thread other = new(() => traits.Guard(static () => { }));
            other.Start();
            if (other.Join(TimeSpan.FromSeconds(30))) passes++;
        });

        Assert.Equal(3, passes);
    }

    [Fact]
    public void Measure_CompiledModel_HasTimesOfBoth()
    {
        AddSample("digits");
        using ModelCompiler compiler = new(ModelVersions.Find([_root], "digits", null), "cpu", TimeProvider.System, NullLoggerFactory.Instance);
        compiler.Compile(inputs: null, tolerance: null);

        CompileTimes times = compiler.Measure();

        Assert.True(times.LoadSource > TimeSpan.Zero && times.LoadCompiled > TimeSpan.Zero);
        Assert.Equal([1, 64], times.Runs.Select(run => run.Rows));
    }

    private void AddSample(string name)
    {
        string from = TestRepository.File($"config/model-repository/{name}");
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string to = Path.Combine(_root, name, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }
    }

    private void Write(string name, float constant)
    {
        Directory.CreateDirectory(Path.Combine(_root, name, "1"));
        File.WriteAllBytes(In(name, "model.onnx"), OnnxFile.Constant(constant, Side));
    }

    private string In(string name, string file) => Path.Combine(_root, name, "1", file);

    private string[] Compiled(string name) => [.. Directory.EnumerateFiles(Path.Combine(_root, name, "1"), ".*").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private void AssertOneCompiled(string name) => Assert.Collection(Compiled(name), file => Assert.EndsWith(".onnx", file, StringComparison.Ordinal), file => Assert.Equal(Record, file));

    private CompileReport Compile(string name, double? tolerance = null, string provider = "cpu", string? root = null)
    {
        using ModelCompiler compiler = new(ModelVersions.Find([root ?? _root], name, null), provider, TimeProvider.System, NullLoggerFactory.Instance);
        return compiler.Compile(inputs: null, tolerance);
    }

    private async Task AssertServedAsync(string name, float constant, bool isCompiled)
    {
        await using TestRepository repository = await new TestRepository(_root).LoadAsync();
        Assert.Equal(ModelState.Ready, repository.Status(name).State);
        Assert.Equal(isCompiled, IsCompiled(repository, name));
        Assert.Equal(constant, await ConstantAsync(repository, name));
    }

    private static bool IsCompiled(TestRepository repository, string name) => repository.Catalog.Find(name, 0).Placements.All(placement => placement.IsCompiled);

    private static async Task<float> ConstantAsync(TestRepository repository, string name)
    {
        using InferenceRequest request = repository.Request(name, ([1, Side], new byte[Side * sizeof(float)]));
        await request.Model.InferAsync(request);
        Assert.True(request.Status == StatusCode.Ok, request.Error);
        return MemoryMarshal.Cast<byte, float>(request.Outputs[0].Bytes)[Side - 1];
    }

    /// <summary>Three rows of whatever the model takes.</summary>
    private static async Task<byte[][]> AnswerAsync(TestRepository repository, string name)
    {
        Random random = new(7);
        (long[], byte[])[] inputs = [.. repository.Catalog.Find(name, 0).Inputs.Select(input =>
        {
            long[] shape = [3, .. input.ClientDims.Dims];
            int elements = (int)shape.Aggregate(1L, (product, size) => product * size);
            byte[] raw = input.DataType switch
            {
                DataType.Bytes => [.. Enumerable.Range(0, elements).SelectMany(i => SampleRepositoryTests.Raw($"words for row {i}"))],
                DataType.Int64 => [.. Enumerable.Range(0, elements).SelectMany(_ => BitConverter.GetBytes((long)random.Next(1000)))],
                _ => [.. Enumerable.Range(0, elements).SelectMany(_ => BitConverter.GetBytes(random.NextSingle() * 16))],
            };
            return (shape, raw);
        })];
        using InferenceRequest request = repository.Request(name, inputs);
        await request.Model.InferAsync(request);
        Assert.True(request.Status == StatusCode.Ok, request.Error);
        byte[][] outputs = new byte[request.Model.Outputs.Count][];
        for (int i = 0; i < outputs.Length; i++) outputs[i] = request.Outputs[i].Bytes.ToArray();
        return outputs;
    }
}
