using System.Text;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Protocol;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Models.Repository;

public sealed class LoadOverrideTests
{
    private const string Config = """{"max_batch_size":4}""";

    [Fact]
    public async Task Load_Configuration_HoldsUntilTheNextLoadAndIsNotWritten()
    {
        await using ScriptedRepository repository = new();
        await repository.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");
        string written = File.ReadAllText(repository.In("m", "config.pbtxt"));

        await repository.LoadAsync("m", Given(Config));

        Assert.Equal(4, repository.Catalog.Find("m", 0).Config.MaxBatchSize);
        Assert.Equal(1, await repository.AddsAsync("m"));
        Assert.Equal(written, File.ReadAllText(repository.In("m", "config.pbtxt")));
        await repository.LoadAsync("m");
        Assert.Equal(8, repository.Catalog.Find("m", 0).Config.MaxBatchSize);
    }

    [Fact]
    public async Task Load_Configuration_ReplacesOneThatIsRefused_ButNotWhatIsBesideIt()
    {
        await using ScriptedRepository repository = new();
        repository.Write("m", ScriptedBackend.Script(1), config: "sequence_batching { }");
        File.WriteAllText(repository.In("m", "gateway.json"), """{ "nonsense": 1 }""");
        Assert.Contains("config.pbtxt", (await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m"))).Message, StringComparison.Ordinal);
        Assert.Contains("gateway.json", (await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m", Given(Config)))).Message, StringComparison.Ordinal);
        File.Delete(repository.In("m", "gateway.json"));

        await repository.LoadAsync("m", Given(Config));

        Assert.Equal(1, await repository.AddsAsync("m"));
        Assert.Equal(4, repository.Catalog.Find("m", 0).Config.MaxBatchSize);
    }

    [Fact]
    public async Task Load_Files_TakeThePlaceOfTheFolderAndLeaveNothingBehind()
    {
        await using ScriptedRepository repository = new();
        await repository.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");
        string[] before = Directory.GetDirectories(Path.GetTempPath(), "gateway-load-*");

        await repository.LoadAsync("m", Given(Config, ("7/model.onnx", ScriptedBackend.Script(700))));
        await repository.LoadAsync("new", Given(Config, ("1/model.onnx", ScriptedBackend.Script(5))));

        Assert.Equal((700, 5), (await repository.AddsAsync("m", 7), await repository.AddsAsync("new")));
        Assert.Equal(["1", "config.pbtxt"], Directory.GetFileSystemEntries(repository.In("m")).Select(Path.GetFileName).Order());
        Assert.Equal([repository.In("m")], Directory.GetDirectories(repository.Path));
        Assert.DoesNotContain(Directory.GetDirectories(Path.GetTempPath(), "gateway-load-*").Except(before), folder => File.Exists(Path.Combine(folder, "7", "model.onnx")));
        await repository.LoadAsync("m");
        Assert.Equal(1, await repository.AddsAsync("m"));
    }

    [Theory]
    [InlineData("../1/model.onnx")]
    [InlineData("1/../../model.onnx")]
    [InlineData("1/..")]
    [InlineData("./1/model.onnx")]
    [InlineData("/etc/passwd")]
    [InlineData("")]
    [InlineData("1/")]
    [InlineData("/")]
    [InlineData("1//model.onnx")]
    [InlineData("1/model.onnx\0.txt")]
    [InlineData("\0")]
    [InlineData("1\\model.onnx")]
    [InlineData("c:/model.onnx")]
    [InlineData("1/.hidden")]
    [InlineData("a/b/c/d/e")]
    public async Task Load_PathThatLeadsAway_IsRefusedAndNothingIsWritten(string path)
    {
        await using ScriptedRepository repository = new();
        await repository.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m", Given(Config, (path, ScriptedBackend.Script(2)))));

        Assert.Equal((StatusCode.InvalidArgument, $"invalid file path '{path}': a path within the model's folder, such as '1/model.onnx', is expected"), (error.Status, error.Message));
        Assert.Equal(1, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Load_PathOrCountThatIsHuge_IsRefused()
    {
        await using ScriptedRepository repository = new();
        LoadOverride longPath = Given(Config, ($"1/{new string('x', 100_000)}", ""));
        LoadOverride manyFiles = new(Config, Enumerable.Range(0, 65).ToDictionary(i => $"1/{i}", _ => Array.Empty<byte>()));

        Assert.True((await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m", longPath))).Message.Length < 300);
        Assert.Equal("at most 64 files can be given with a load, got 65", (await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m", manyFiles))).Message);
    }

    [Theory]
    [InlineData("""{"default_model_filename":"../../other/1/model.onnx"}""", "default_model_filename")]
    [InlineData("""{"default_model_filename":"/etc/passwd"}""", "default_model_filename")]
    [InlineData("""{"output":[{"name":"y","data_type":"TYPE_INT64","dims":[1],"label_filename":"../../../etc/passwd"}]}""", "label_filename")]
    [InlineData("""{"name":"other"}""", "other")]
    [InlineData("""{"parameters":{"session.model_external_initializers_file_folder_path":{"string_value":"/etc"}}}""", "session.model_external_initializers_file_folder_path")]
    [InlineData("""{"parameters":{"session.optimized_model_filepath":{"string_value":"/tmp/x"}}}""", "session.optimized_model_filepath")]
    [InlineData("""{"parameters":{"session.collect_node_memory_stats_to_file":{"string_value":"/tmp/x"}}}""", "session.collect_node_memory_stats_to_file")]
    [InlineData("""{"parameters":{"session.nonsense":{"string_value":"1"}}}""", "session.nonsense")]
    [InlineData("{", "config")]
    [InlineData("", "config")]
    public async Task Load_ConfigurationThatCannotBe_LeavesTheOldOne(string config, string named)
    {
        await using ScriptedRepository repository = new();
        await repository.Write("m", ScriptedBackend.Script(1)).LoadAsync("m");

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m", Given(config)));

        Assert.StartsWith("failed to load 'm', failed to poll from model repository: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Equal(1, await repository.AddsAsync("m"));
    }

    [Theory]
    [InlineData("int8_calibration_table_name", "../x")]
    [InlineData("trt_engine_cache_enable", "1")]
    [InlineData("trt_engine_cache_path", "/tmp")]
    [InlineData("trt_engine_cache_prefix", "../x")]
    [InlineData("trt_timing_cache_path", "/tmp")]
    [InlineData("trt_extra_plugin_lib_paths", "/tmp/x.so")]
    [InlineData("trt_ep_context_file_path", "/tmp/x")]
    [InlineData("trt_dump_ep_context_model", "1")]
    [InlineData("trt_dump_subgraphs", "1")]
    public async Task Load_OptionOfFiles_IsForTheRepositoryAlone(string option, string value)
    {
        await using ScriptedRepository repository = new();
        string given = $$$$"""{"optimization":{"execution_accelerators":{"gpu_execution_accelerator":[{"name":"tensorrt","parameters":{"{{{{option}}}}":"{{{{value}}}}"}}]}}}""";
        repository.Write("m", ScriptedBackend.Script(1), config: $"optimization {{ execution_accelerators {{ gpu_execution_accelerator {{ name: 'tensorrt' parameters {{ key: '{option}' value: '{value}' }} }} }} }}");
        await repository.LoadAsync("m");

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m", Given(given)));

        Assert.Contains($"'{option}' has to do with files of the server's and cannot be given with a load", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task Load_FilesThatCannotBeLoaded_TellsNotWhereTheyLay()
    {
        await using ScriptedRepository repository = new();

        InferenceException noVersion = await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m", Given(Config, ("model.onnx", ""))));
        InferenceException noFile = await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m", Given(Config, ("1/other", ""))));

        Assert.Equal(
            "failed to load 'm', failed to poll from model repository: no version is in the given files: a version is a folder whose name is a number above 0, such as '1'", noVersion.Message);
        Assert.Contains("1/model.onnx", noFile.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Path.GetTempPath(), noFile.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/etc/passwd", "{}")]
    [InlineData("../../../../../../../../etc/passwd", "{}")]
    [InlineData("passwd", """{"parameters":{"session.model_external_initializers_file_folder_path":{"string_value":"/etc"}}}""")]
    public async Task Load_ModelWhoseWeightsAreAnotherFile_IsRefused(string location, string config)
    {
        await using TestRepository repository = new(new RepositoryOptions([]) { Mode = ModelControlMode.Explicit, AllowsOverride = true });
        LoadOverride given = new(config, new Dictionary<string, byte[]> { ["1/model.onnx"] = OnnxFile.WithWeightsIn(location, bytes: 16) });

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => repository.Repository.LoadAsync("m", given));

        Assert.Equal(StatusCode.InvalidArgument, error.Status);
        Assert.DoesNotContain(Path.GetTempPath(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_ModelWhoseWeightsComeAlong_IsServed()
    {
        await using TestRepository repository = new(new RepositoryOptions([]) { Mode = ModelControlMode.Explicit, AllowsOverride = true });
        LoadOverride given = new("{}", new Dictionary<string, byte[]> { ["1/model.onnx"] = OnnxFile.WithWeightsIn("weights", bytes: 16), ["1/weights"] = new byte[16] });

        await repository.Repository.LoadAsync("m", given);

        Assert.Equal(ModelState.Ready, repository.Status("m").State);
    }

    [Fact]
    public async Task Load_NotAllowed_IsRefused()
    {
        await using ScriptedRepository repository = new(options => options with { AllowsOverride = false });
        repository.Write("m", ScriptedBackend.Script(1));

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => repository.LoadAsync("m", Given(Config)));

        Assert.Equal(StatusCode.Unsupported, error.Status);
        Assert.Equal("Loading with a configuration or files in the request is disabled. Start the server with '--allow-load-override=true' to enable.", error.Message);
    }

    [Fact]
    public void IsConfined_RandomPaths_NeverLeadOut()
    {
        Random random = new(20261126);
        string[] parts = ["..", ".", "", "/", "//", "1", "a", "model.onnx", "\\", "\0", ":", "~", "%2e%2e", " "];
        for (int i = 0; i < 20_000; i++)
        {
            string path = string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => parts[random.Next(parts.Length)]));
            if (LoadOverride.IsConfined(path)) Assert.StartsWith("/base/", Path.GetFullPath(Path.Combine("/base", path)), StringComparison.Ordinal);
        }
    }

    private static LoadOverride Given(string config, params (string Path, string Content)[] files) => new(config, files.ToDictionary(file => file.Path, file => Encoding.UTF8.GetBytes(file.Content)));
}
