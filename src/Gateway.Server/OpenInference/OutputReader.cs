using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;

namespace Gateway.Server.OpenInference;

/// <summary>Reads one element of a request's <c>outputs</c>.</summary>
internal static class OutputReader
{
    /// <returns>Null, or the error of an output that came before, to be reported with the request's id.</returns>
    public static string? Read(ref JsonCursor cursor, InferExchange exchange)
    {
        JsonValues.BeginObject(ref cursor, "outputs");
        JsonString name = default;
        bool hasName = false;
        bool hasParameters = false;
        Settings settings = default;
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString key))
        {
            if (key.Is("name"u8) && !hasName)
            {
                hasName = true;
                name = JsonValues.ReadString(ref cursor, "name");
            }
            else if (key.Is("parameters"u8) && !hasParameters)
            {
                hasParameters = true;
                settings = ReadParameters(ref cursor);
            }
            else
            {
                cursor.SkipValue();
            }
        }

        if (!hasName) throw Errors.Missing("name");
        return Add(exchange, name, settings);
    }

    private static string? Add(InferExchange exchange, JsonString name, Settings settings)
    {
        ServedModel model = exchange.Request!.Model;
        int index = InferExchange.IndexOf(model.Outputs, name);
        if (index < 0) throw Errors.Invalid($"unexpected inference output '{name.ToString()}' for model '{model.Name}'");
        foreach (ref readonly OutputPlan other in exchange.Outputs)
        {
            if (other.Index == index) return $"output '{name.ToString()}' already exists in request";
        }

        settings.SharedMemory.Check(model.Outputs[index].Name);
        SharedRange range = settings.SharedMemory.HasRegion ? Take(exchange, model.Outputs[index].Name, settings) : default;
        ref OutputPlan plan = ref exchange.AddOutput(index, settings.IsBinary);
        plan.Classes = settings.Classes;
        plan.Shared = range;
        return null;
    }

    private static SharedRange Take(InferExchange exchange, string name, Settings settings)
    {
        if (settings.Classes > 0) throw Errors.Invalid("Output can't set both 'shared_memory_region' and 'classification'");
        if (settings.IsBinary) throw Errors.Invalid("Output can't set both 'shared_memory_region' and 'binary_data'");
        SharedRange range = settings.SharedMemory.Take(exchange.Regions);
        if (!OutputPlan.Overlaps(exchange.Outputs, range)) return range;
        range.Release();
        throw Errors.SharedOverlap(name);
    }

    private static Settings ReadParameters(scoped ref JsonCursor cursor)
    {
        JsonValues.BeginObject(ref cursor, "parameters");
        Settings settings = default;
        bool hasBinary = false;
        bool hasClasses = false;
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString key))
        {
            if (key.Is("binary_data"u8) && !hasBinary)
            {
                hasBinary = true;
                settings.IsBinary = JsonValues.ReadBoolean(ref cursor, "binary_data");
            }
            else if (key.Is("classification"u8) && !hasClasses)
            {
                hasClasses = true;
                settings.Classes = (uint)Math.Min(uint.MaxValue, JsonValues.ReadUnsigned(ref cursor, "classification"));
            }
            else if (!settings.SharedMemory.TryRead(ref cursor, key))
            {
                cursor.SkipValue();
            }
        }

        return settings;
    }

    private ref struct Settings
    {
        public bool IsBinary;
        public uint Classes;
        public SharedMemoryParameters SharedMemory;
    }
}
