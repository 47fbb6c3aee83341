using System.Text;
using Gateway.Core.Caching;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Grpc.Inference;

/// <summary>Reads the parameters of a request, and of its inputs and outputs.</summary>
/// <remarks>Custom parameters are checked and otherwise ignored: no model that is served here takes any. <b>Cost</b>: no allocation.</remarks>
internal static class InferParameters
{
    /// <exception cref="InferenceException">One has a value that it cannot have, or is not served.</exception>
    public static void Apply(InferenceRequest request, ReadOnlySpan<InferParameterEntry> parameters, ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i < parameters.Length; i++)
        {
            if (IsOverridden(parameters, i, bytes)) continue;
            ref readonly InferParameterEntry entry = ref parameters[i];
            ReadOnlySpan<byte> name = entry.Name.Of(bytes);
            if (name.SequenceEqual("priority"u8)) request.Priority = Priority(entry);
            else if (name.SequenceEqual("timeout"u8)) request.LimitTime(Timeout(entry));
            else if (name.SequenceEqual("cache"u8)) request.CacheUse = Cache(entry, bytes);
            else if (name.SequenceEqual(ServerTiming.AskParameter)) request.Explains = Explains(entry);
            else if (name.SequenceEqual("sequence_id"u8)) CheckSequenceId(request, entry);
            else if (name.SequenceEqual("sequence_start"u8)) CheckSequenceFlag(request, entry, "sequence_start");
            else if (name.SequenceEqual("sequence_end"u8)) CheckSequenceFlag(request, entry, "sequence_end");
            else CheckCustom(entry, name);
        }
    }

    /// <summary>Reads the parameters of an input or an output.</summary>
    public static TensorParameters OfTensor(ReadOnlySpan<InferParameterEntry> parameters, ReadOnlySpan<byte> bytes, string tensor, bool isOutput)
    {
        TensorParameters read = default;
        bool hasOffset = false;
        bool hasSize = false;
        for (int i = 0; i < parameters.Length; i++)
        {
            if (IsOverridden(parameters, i, bytes)) continue;
            ref readonly InferParameterEntry entry = ref parameters[i];
            ReadOnlySpan<byte> name = entry.Name.Of(bytes);
            if (name.SequenceEqual("shared_memory_region"u8))
            {
                read.HasRegion = IsOf(entry, ParameterKind.String, "shared_memory_region", tensor, "string_param");
                read.Region = entry.Text;
            }
            else if (name.SequenceEqual("shared_memory_offset"u8))
            {
                // One below 0 is then one beyond every region, as in Triton.
                hasOffset = IsOf(entry, ParameterKind.Int64, "shared_memory_offset", tensor, "int64_param");
                read.Offset = (ulong)entry.Bits;
            }
            else if (name.SequenceEqual("shared_memory_byte_size"u8))
            {
                hasSize = IsOf(entry, ParameterKind.Int64, "shared_memory_byte_size", tensor, "int64_param");
                read.ByteSize = (ulong)entry.Bits;
            }
            else if (!isOutput && name.SequenceEqual("feature_view"u8))
            {
                read.HasView = IsOf(entry, ParameterKind.String, "feature_view", tensor, "string_param");
                read.View = entry.Text;
            }
            else if (isOutput && name.SequenceEqual("classification"u8))
            {
                read.Classes = Classes(entry);
            }
        }

        if (read.HasRegion && !hasSize) throw Errors.Invalid($"'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor '{tensor}'");
        if (!read.HasRegion && hasOffset) throw Errors.Invalid($"'shared_memory_offset' can not be specified without 'shared_memory_region' parameter for tensor '{tensor}'");
        if (!read.HasRegion && hasSize) throw Errors.Invalid($"'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor '{tensor}'");
        if (read.HasRegion && read.Classes > 0) throw Errors.Invalid("output can't set both 'shared_memory_region' and 'classification'");
        return read;
    }

    /// <summary>Whether any of a message's tensors lies in shared memory, which is this machine's.</summary>
    public static bool IsShared(InferMessage message, ReadOnlySpan<byte> bytes)
    {
        foreach (ref readonly InferParameterEntry entry in message.TensorParameters)
        {
            if (entry.Name.Of(bytes).SequenceEqual("shared_memory_region"u8)) return true;
        }

        return false;
    }

    /// <summary>Whether a later entry has the same name: a map has each once, and the last one counts.</summary>
    private static bool IsOverridden(ReadOnlySpan<InferParameterEntry> parameters, int index, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> name = parameters[index].Name.Of(bytes);
        for (int i = index + 1; i < parameters.Length; i++)
        {
            if (parameters[i].Name.Of(bytes).SequenceEqual(name)) return true;
        }

        return false;
    }

    private static int Priority(in InferParameterEntry entry)
    {
        if (entry.Kind == ParameterKind.UInt64) return (int)Math.Min(int.MaxValue, (ulong)entry.Bits);
        if (entry.Kind != ParameterKind.Int64) throw Errors.Invalid("invalid value type for 'priority' parameter, expected int64_param or uint64_param.");
        return entry.Bits >= 0 ? (int)Math.Min(int.MaxValue, entry.Bits) : throw Errors.Invalid("invalid value for 'priority', expected value >= 0.");
    }

    private static bool Explains(in InferParameterEntry entry) =>
        entry.Kind == ParameterKind.Bool ? entry.Bits != 0 : throw Errors.Invalid("invalid value type for 'explain' parameter, expected bool_param.");

    private static long Timeout(in InferParameterEntry entry)
    {
        if (entry.Kind != ParameterKind.Int64) throw Errors.Invalid("invalid value type for 'timeout' parameter, expected int64_param.");
        return entry.Bits >= 0 ? entry.Bits : throw Errors.Invalid("invalid value for 'timeout', expected value >= 0.");
    }

    private static CacheUse Cache(in InferParameterEntry entry, ReadOnlySpan<byte> bytes)
    {
        string word = entry.Kind == ParameterKind.String ? Encoding.UTF8.GetString(entry.Text.Of(bytes)) : throw Errors.Invalid("invalid value type for 'cache' parameter, expected string_param.");
        return CacheUses.TryParse(word, out CacheUse use) ? use : throw Errors.Invalid($"parameter 'cache' is '{(word.Length > 64 ? word[..64] : word)}', expected one of {CacheUses.Allowed}");
    }

    private static void CheckSequenceId(InferenceRequest request, in InferParameterEntry entry)
    {
        if (entry.Kind is not (ParameterKind.Int64 or ParameterKind.String)) throw Errors.Invalid("invalid value type for 'sequence_id' parameter, expected int64_param or string_param.");
        if (entry.Kind == ParameterKind.Int64 ? entry.Bits != 0 : entry.Text.Length > 0) throw NoSequences(request, "sequence_id");
    }

    private static void CheckSequenceFlag(InferenceRequest request, in InferParameterEntry entry, string name)
    {
        if (entry.Kind != ParameterKind.Bool) throw Errors.Invalid($"invalid value type for '{name}' parameter, expected bool_param.");
        if (entry.Bits != 0) throw NoSequences(request, name);
    }

    private static InferenceException NoSequences(InferenceRequest request, string name) =>
        Errors.Invalid($"model '{request.Model.Name}' does not serve sequences: parameter '{name}' is not supported");

    private static void CheckCustom(in InferParameterEntry entry, ReadOnlySpan<byte> name)
    {
        if (name.StartsWith("triton_"u8))
        {
            if (!name.SequenceEqual("triton_enable_empty_final_response"u8))
            {
                throw Errors.Invalid(
                    "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with 'triton_' are allowed: triton_enable_empty_final_response");
            }

            // Models that answer once have a final response that is not empty: it changes nothing.
            if (entry.Kind != ParameterKind.Bool) throw Errors.Invalid("invalid value type for 'triton_enable_empty_final_response' parameter, expected bool_param.");
        }
        else if (entry.Kind is ParameterKind.None or ParameterKind.UInt64)
        {
            throw Errors.Invalid($"invalid value type for '{Encoding.UTF8.GetString(name)}' parameter, expected int64_param, bool_param, or string_param.");
        }
    }

    private static uint Classes(in InferParameterEntry entry)
    {
        if (entry.Kind != ParameterKind.Int64) throw Errors.Invalid("invalid value type for 'classification' parameter, expected int64_param");
        return entry.Bits > 0 ? (uint)Math.Min(uint.MaxValue, entry.Bits) : throw Errors.Invalid("invalid value for 'classification' parameter, expected >= 0");
    }

    private static bool IsOf(in InferParameterEntry entry, ParameterKind kind, string name, string tensor, string expected) =>
        entry.Kind == kind ? true : throw Errors.Invalid($"invalid value type for '{name}' parameter for tensor '{tensor}', expected {expected}.");
}
