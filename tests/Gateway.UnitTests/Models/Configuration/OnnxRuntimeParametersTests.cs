using Gateway.Core.Models.Configuration;

namespace Gateway.UnitTests.Models.Configuration;

public sealed class OnnxRuntimeParametersTests
{
    [Fact]
    public void ReadText_KnownParameters_AreTyped()
    {
        OnnxRuntimeParameters parameters = ConfigText.Text(Parameters(
            ("intra_op_thread_count", "4"), ("inter_op_thread_count", "0"), ("execution_mode", "1"), ("enable_mem_arena", "0"), ("enable_mem_pattern", "True"),
            ("memory.enable_memory_arena_shrinkage", "cpu:0"), ("session.use_device_allocator_for_initializers", "1"), ("optimization.minimal_build_optimizations", "save"),
            ("cudnn_conv_algo_search", "1"), ("gpu_mem_limit", "4294967200"), ("arena_extend_strategy", "1"), ("do_copy_in_default_stream", "1"), ("mine", "x"))).OnnxRuntime;

        Assert.Equal((4, null, true), (parameters.IntraOpThreadCount, parameters.InterOpThreadCount, parameters.IsParallelExecution));
        Assert.Equal((false, true), (parameters.EnableMemoryArena, parameters.EnableMemoryPattern));
        Assert.Equal("cpu:0", parameters.MemoryArenaShrinkage);
        Assert.Equal(["optimization.minimal_build_optimizations", "session.use_device_allocator_for_initializers"], parameters.SessionConfigEntries.Keys.Order());
        Assert.Equal(
            new Dictionary<string, string>
            {
                ["cudnn_conv_algo_search"] = "HEURISTIC",
                ["gpu_mem_limit"] = "4294967200",
                ["arena_extend_strategy"] = "kSameAsRequested",
                ["do_copy_in_default_stream"] = "1",
            },
            parameters.CudaProviderOptions);
    }

    [Fact]
    public void ReadText_CustomParameters_PassThrough()
    {
        ModelConfig config = ConfigText.Text(Parameters(("anything", "at all")));

        Assert.Equal("at all", config.Parameters["anything"]);
        Assert.Equal((null, null), (config.OnnxRuntime.IntraOpThreadCount, config.OnnxRuntime.EnableMemoryArena));
        Assert.Empty(config.OnnxRuntime.CudaProviderOptions);
    }

    [Theory]
    [InlineData("intra_op_thread_count", "two", "parameter 'intra_op_thread_count' must be an integer, got 'two'")]
    [InlineData("intra_op_thread_count", "-1", "parameter 'intra_op_thread_count' must be 0 (not stated) or more, got -1")]
    [InlineData("inter_op_thread_count", "99999999999", "parameter 'inter_op_thread_count' must be an integer, got '99999999999'")]
    [InlineData("execution_mode", "2", "parameter 'execution_mode' must be one of 0, 1, got '2'")]
    [InlineData("enable_mem_arena", "", "parameter 'enable_mem_arena' must be 1, 0, true or false, got ''")]
    [InlineData("enable_mem_pattern", "2", "parameter 'enable_mem_pattern' must be 1, 0, true or false, got '2'")]
    [InlineData("cudnn_conv_algo_search", "3", "parameter 'cudnn_conv_algo_search' must be one of 0, 1, 2, got '3'")]
    [InlineData("arena_extend_strategy", "x", "parameter 'arena_extend_strategy' must be one of 0, 1, got 'x'")]
    [InlineData("gpu_mem_limit", "4G", "parameter 'gpu_mem_limit' must be a number of bytes, got '4G'")]
    [InlineData("do_copy_in_default_stream", "x", "parameter 'do_copy_in_default_stream' must be 1, 0, true or false, got 'x'")]
    [InlineData("TRITON_BATCH_STRATEGY_PATH", "a.so", "parameter 'TRITON_BATCH_STRATEGY_PATH' is not supported yet: libraries of custom batching are not loaded")]
    [InlineData("session.nonsense", "1", "parameter 'session.nonsense' is not supported: only entries that have to do with no files or foreign memory are")]
    [InlineData("session.disable_prepackin", "1", "parameter 'session.disable_prepackin' is not supported: did you mean 'session.disable_prepacking'?")]
    [InlineData("session.model_external_initializers_file_folder_path", "/etc", "parameter 'session.model_external_initializers_file_folder_path' is not supported: only entries that have to do with no files or foreign memory are")]
    [InlineData("session.use_ort_model_bytes_directly", "1", "parameter 'session.use_ort_model_bytes_directly' is not supported: only entries that have to do with no files or foreign memory are")]
    [InlineData("optimization.nonsense", "1", "parameter 'optimization.nonsense' is not supported: only entries that have to do with no files or foreign memory are")]
    public void ReadText_BadValues_AreRefused(string key, string value, string expected) =>
        Assert.Equal($"config.pbtxt:1:1: {expected}", ConfigText.TextError(Parameters((key, value))));

    private static string Parameters(params (string Key, string Value)[] parameters) =>
        string.Join('\n', parameters.Select(p => $"parameters {{ key: '{p.Key}' value {{ string_value: '{p.Value}' }} }}"));
}
