using Gateway.Core.Models.Configuration.Reading;

namespace Gateway.UnitTests.Models.Configuration.Reading;

public sealed class ModelConfigSchemaTests
{
    /// <summary>The readers take nesting to be bounded by the schema, so no message may contain itself.</summary>
    [Fact]
    public void ModelConfig_Messages_NeverContainThemselves() => Visit(ModelConfigSchema.ModelConfig, []);

    [Fact]
    public void ModelConfig_Fields_AreAllOfTritons()
    {
        string[] expected =
        [
            "name", "platform", "version_policy", "max_batch_size", "input", "output", "instance_group", "default_model_filename", "cc_model_filenames", "metric_tags",
            "dynamic_batching", "optimization", "sequence_batching", "parameters", "ensemble_scheduling", "model_warmup", "backend", "model_operations",
            "model_transaction_policy", "batch_input", "batch_output", "model_repository_agents", "response_cache", "runtime", "model_metrics",
        ];

        Assert.Equal(expected.Order(), ModelConfigSchema.ModelConfig.Fields.Select(f => f.Name).Order());
    }

    [Fact]
    public void FindJson_BothSpellings_AreTheSameField()
    {
        MessageSchema schema = ModelConfigSchema.ModelConfig;

        Assert.Same(schema.Find("max_batch_size"), schema.FindJson("maxBatchSize"));
        Assert.Same(schema.Find("max_batch_size"), schema.FindJson("max_batch_size"));
        Assert.Null(schema.FindJson("MaxBatchSize"));
        Assert.Null(schema.Find("maxBatchSize"));
    }

    private static void Visit(MessageSchema message, HashSet<MessageSchema> above)
    {
        Assert.True(above.Add(message), $"{message.Name} contains itself");
        foreach (FieldSchema field in message.Fields.Where(f => f.Kind == FieldKind.Message)) Visit(field.Message!, above);
        above.Remove(message);
    }
}
