using Gateway.Core.Requests;

namespace Gateway.Server.OpenInference;

/// <summary>Writes the answer of a generate call: one flat object, its members in the order of their names, as in Triton.</summary>
internal static class GenerateAnswer
{
    // Stand for the members that are no outputs.
    private const int Id = -1;
    private const int ModelName = -2;
    private const int ModelVersion = -3;

    public static void Write(TextBuffer text, InferExchange exchange)
    {
        InferenceRequest request = exchange.Request!;
        List<(string Name, int Output)> members = [("model_name", ModelName), ("model_version", ModelVersion)];
        if (request.Id.Length > 0) members.Add(("id", Id));
        foreach (ref readonly OutputPlan plan in exchange.Outputs) members.Add((request.Model.Outputs[plan.Index].Name, plan.Index));
        members.Sort(static (one, other) => string.CompareOrdinal(one.Name, other.Name));
        byte before = (byte)'{';
        foreach ((string name, int output) in members)
        {
            text.Write(before);
            before = (byte)',';
            JsonText.WriteString(text, name);
            text.Write((byte)':');
            if (output == Id) JsonText.WriteString(text, request.Id);
            else if (output == ModelName) JsonText.WriteString(text, request.Model.Name);
            else if (output == ModelVersion) JsonText.WriteString(text, request.Model.VersionText);
            else WriteOutput(text, exchange.ClassText, request.Outputs[output], name);
        }

        text.Write((byte)'}');
    }

    /// <param name="scratch">Empty before and after.</param>
    private static void WriteOutput(TextBuffer text, TextBuffer scratch, in OutputTensor output, string name)
    {
        if (!output.Shape.TryCountElements(out long elements) || elements != 1)
        {
            TensorJsonWriter.Write(text, output.DataType, output.Bytes, name);
            return;
        }

        // A lone element stands without its brackets.
        TensorJsonWriter.Write(scratch, output.DataType, output.Bytes, name);
        text.Write(scratch.Written[1..^1]);
        scratch.Clear();
    }
}
