namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Refuses, by name, what a configuration may say in Triton and this server does not do.</summary>
/// <remarks>A setting written with its default value asks for nothing and passes.</remarks>
internal static class Refusals
{
    private static readonly (string Path, string Reason)[] Table =
    [
        ("runtime", "models run in the server's own ONNX Runtime; leave it out"),
        ("batch_input", "the ragged batching it describes is not supported"),
        ("batch_output", "the ragged batching it describes is not supported"),
        ("input.is_shape_tensor", "shape tensors exist only in TensorRT plans"),
        ("output.is_shape_tensor", "shape tensors exist only in TensorRT plans"),
        ("input.optional", "every input of an ONNX graph has to be there"),
        ("input.allow_ragged_batch", "requests of different shapes go into batches of their own instead; remove it"),
        ("input.is_non_linear_format_io", "non-linear formats exist only in TensorRT plans"),
        ("output.is_non_linear_format_io", "non-linear formats exist only in TensorRT plans"),
        ("instance_group.secondary_devices", "an instance runs on one device"),
        ("instance_group.profile", "optimisation profiles exist only in TensorRT plans"),
        ("instance_group.passive", "an instance that takes no requests has no use here"),
        ("instance_group.host_policy", "instances are not bound to host policies"),
        ("optimization.cuda.graph_spec", "with 'graphs' one is captured for each batch size, when it is first run"),
        ("optimization.cuda.busy_wait_events", "ONNX Runtime waits for the device by itself"),
        ("optimization.cuda.output_copy_stream", "ONNX Runtime chooses its own streams"),
        ("optimization.priority", "ONNX Runtime sessions have no priorities"),
        ("optimization.gather_kernel_buffer_threshold", "batches are gathered without a kernel"),
        ("optimization.eager_batching", "batches are always gathered before the instance is free"),
        ("model_operations.op_library_filename", "libraries of custom operators are not loaded"),
        ("cc_model_filenames", "one model file serves every device; use 'default_model_filename'"),
        ("model_repository_agents.agents", "repository agents are not loaded"),
        ("model_transaction_policy.decoupled", "each request has exactly one response"),
        ("model_metrics.metric_control", "histogram buckets are the same for all models"),
    ];

    /// <summary>Schedulers: naming one chooses it, so that even an empty message asks for something.</summary>
    private static readonly (string Path, string Reason)[] Schedulers =
    [
        ("sequence_batching", "requests are scheduled one by one; keep the state in the client, or in inputs and outputs"),
        ("ensemble_scheduling", "a model is one ONNX file; call the models in turn"),
    ];

    public static void Check(ConfigMessage config, ConfigErrors errors)
    {
        foreach ((string path, string reason) in Schedulers)
        {
            if (config.Has(path)) errors.Add(path, Describe(path, reason));
        }

        foreach ((string path, string reason) in Table) Check(config, path, path, reason, "", errors);
    }

    private static void Check(ConfigMessage message, string rest, string path, string reason, string at, ConfigErrors errors)
    {
        string[] names = rest.Split('.', 2);
        FieldSchema field = message.Schema.Find(names[0])!;
        IReadOnlyList<object> values = message.All<object>(names[0]);
        for (int i = 0; i < values.Count; i++)
        {
            string valueAt = at + (field.IsRepeated && !field.IsMap ? $"{names[0]}[{i}]" : names[0]);
            if (names.Length == 2)
            {
                Check((ConfigMessage)values[i], names[1], path, reason, valueAt + ".", errors);
            }
            else if (field.IsRepeated || !IsDefault(values[i]))
            {
                errors.Add(valueAt, Describe(path, reason));

                // One error says it all, however many values there are.
                return;
            }
        }
    }

    private static bool IsDefault(object value) => value switch
    {
        ConfigMessage message => message.Written.All(f => f.Values.Count == 0 || (!f.Field.IsRepeated && IsDefault(f.Values[0].Value))),
        bool flag => !flag,
        long number => number == 0,
        ulong number => number == 0,
        double number => number == 0,
        string text => text.Length == 0,
        _ => false,
    };

    private static string Describe(string path, string reason) => $"'{path}' is not supported yet: {reason}";
}
