using System.Globalization;
using System.Text;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Grpc.Inference;

/// <summary>Makes an <see cref="InferMessage"/> the request of a model.</summary>
/// <remarks>
/// <b>Behaviour</b>: the texts of failures are Triton's. <b>Cost</b>: raw tensors are copied once, or stay where the message was gathered; no allocation but for an id.
/// </remarks>
internal static class InferFill
{
    /// <summary>The version asked for; 0 for the highest ready one.</summary>
    /// <exception cref="InferenceException">It is no number above 0.</exception>
    public static long Version(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return 0;

        // As C++'s stoll, which Triton takes: a number may be followed by anything.
        string version = Encoding.UTF8.GetString(text);
        ReadOnlySpan<char> number = version.AsSpan().TrimStart();
        int end = number.Length > 0 && number[0] is '-' or '+' ? 1 : 0;
        while (end < number.Length && char.IsAsciiDigit(number[end])) end++;
        if (!long.TryParse(number[..end], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
        {
            throw Errors.Invalid($"failed to get model version from specified version string '{version}' (details: stol), version should be an integral value > 0");
        }

        return value > 0 ? value : throw Errors.Invalid($"invalid model version specified '{version}' , version should be an integral value > 0");
    }

    /// <summary>Fills a request.</summary>
    /// <param name="block">Holds the message, if its tensors may stay there: the request adds a reference. Null when they are to be copied.</param>
    /// <param name="start">Where in it the message begins.</param>
    /// <exception cref="InferenceException">It does not fit the model.</exception>
    public static void Fill(InferenceRequest request, InferMessage message, ReadOnlySpan<byte> bytes, AnswerPlan plan, BlockPool pool, SharedRegions regions, MemoryBlock? block, int start)
    {
        if (message.Id.Length > 0) request.Id = Encoding.UTF8.GetString(message.Id.Of(bytes));
        InferParameters.Apply(request, message.Parameters, bytes);
        ReadOnlySpan<Slice> raw = message.RawInputs;
        bool isRaw = raw.Length > 0;
        int nextRaw = 0;
        bool isShared = false;
        long total = 0;
        foreach (ref readonly InferInput input in message.Inputs)
        {
            ref InputTensor tensor = ref Describe(request, input, bytes);
            int index = IndexOf(request.Model.Inputs, input.Name.Of(bytes));
            string name = request.Model.Inputs[index].Name;
            TensorParameters parameters = InferParameters.OfTensor(message.Of(input.Parameters), bytes, name, isOutput: false);
            if (parameters.HasView) tensor.View = request.Model.FindFeatureView(parameters.View.Of(bytes));
            if (parameters.HasRegion)
            {
                if (input.HasContents) throw Errors.Invalid($"unexpected 'content' provided when using shared memory for input tensor '{name}' for model '{request.Model.Name}'");
                tensor.ByteLength = MeasureShared(regions, parameters, bytes);
                request.CheckInput(index, tensor);
                isShared = true;
            }
            else if (isRaw)
            {
                if (input.HasContents) throw Errors.Invalid($"contents field must not be specified when using raw_input_contents for '{name}' for model '{request.Model.Name}'");
                if (nextRaw == raw.Length) throw NoData(request, name);
                tensor.Offset = raw[nextRaw].Start;
                tensor.ByteLength = raw[nextRaw++].Length;
            }
            else
            {
                MeasureContents(request, input, ref tensor, name);
            }

            total = Aligned(total) + tensor.ByteLength;
        }

        foreach (ref readonly InferRequestedOutput output in message.Outputs) AddOutput(request, message, output, bytes, plan, regions);
        if (message.Outputs.IsEmpty)
        {
            for (int i = 0; i < request.Model.Outputs.Count; i++) plan.Add(i, classes: 0);
        }

        if (isRaw && block is not null && !isShared) Adopt(request, block, start, bytes.Length);
        else if (total > 0) Copy(request, message, bytes, isRaw, total, pool, isShared ? regions : null);
    }

    private static ref InputTensor Describe(InferenceRequest request, in InferInput input, ReadOnlySpan<byte> bytes)
    {
        ServedModel model = request.Model;
        int index = IndexOf(model.Inputs, input.Name.Of(bytes));
        if (index < 0) throw Errors.Invalid($"unexpected inference input '{Text(input.Name, bytes)}' for model '{model.Name}'");
        string name = model.Inputs[index].Name;
        ref InputTensor tensor = ref request.Inputs[index];
        if (tensor.IsPresent) throw InRequest(request, $"input '{name}' already exists in request");
        if (input.HasTooManyDimensions) throw Errors.Invalid($"invalid shape for input '{name}': more than {TensorShape.MaxRank} dimensions are not supported");
        DataType type = DataTypes.Parse(input.DataType.Of(bytes));
        if (type == DataType.Invalid)
        {
            throw InRequest(request, $"inference input '{name}' data-type is 'INVALID', but model '{model.Name}' expects '{model.Inputs[index].DataType.WireName()}'");
        }

        tensor.DataType = type;
        tensor.Shape = input.Shape;
        return ref tensor;
    }

    private static void MeasureContents(InferenceRequest request, in InferInput input, ref InputTensor tensor, string name)
    {
        if (!input.HasContents) throw NoData(request, name);
        int wanted = InferContents.FieldOf(tensor.DataType);
        int others = input.ContentFields & ~(1 << wanted);
        if (others != 0)
        {
            if ((input.ContentFields & (1 << wanted)) != 0) throw Errors.Invalid($"unexpected explicit tensor data for input tensor '{name}' for model '{request.Model.Name}', binary data was already supplied.");
            DataType expected = InferContents.TypeOf(System.Numerics.BitOperations.TrailingZeroCount(others));
            throw Errors.Invalid($"unexpected explicit tensor data for input tensor '{name}' for model '{request.Model.Name}' of type '{tensor.DataType.WireName()}', expected datatype '{expected.WireName()}'");
        }

        long length = tensor.DataType == DataType.Bytes ? input.ContentTextBytes : input.ContentElements * tensor.DataType.Size();
        if (length > int.MaxValue) throw Errors.NoMemory();
        tensor.ByteLength = (int)length;
    }

    /// <returns>Bytes of an input that lies in shared memory.</returns>
    private static int MeasureShared(SharedRegions regions, in TensorParameters parameters, ReadOnlySpan<byte> bytes)
    {
        regions.Take(parameters.Region.Of(bytes), parameters.Offset, parameters.ByteSize).Release();
        return parameters.ByteSize <= int.MaxValue ? (int)parameters.ByteSize : throw Errors.NoMemory();
    }

    /// <summary>Copies an input from shared memory, now: what is checked later is then what is used.</summary>
    private static void ReadShared(SharedRegions regions, in TensorParameters parameters, ReadOnlySpan<byte> bytes, Span<byte> to)
    {
        SharedRange range = regions.Take(parameters.Region.Of(bytes), parameters.Offset, parameters.ByteSize);
        try
        {
            range.Read(to);
        }
        finally
        {
            range.Release();
        }
    }

    private static void AddOutput(InferenceRequest request, InferMessage message, in InferRequestedOutput output, ReadOnlySpan<byte> bytes, AnswerPlan plan, SharedRegions regions)
    {
        ServedModel model = request.Model;
        int index = IndexOf(model.Outputs, output.Name.Of(bytes));
        if (index < 0) throw Errors.Invalid($"unexpected inference output '{Text(output.Name, bytes)}' for model '{model.Name}'");
        string name = model.Outputs[index].Name;
        if (plan.Has(index)) throw InRequest(request, $"output '{name}' already exists in request");
        TensorParameters parameters = InferParameters.OfTensor(message.Of(output.Parameters), bytes, name, isOutput: true);
        if (parameters.Classes > 0) Classification.CheckType(model.Outputs[index].DataType);
        if (!parameters.HasRegion)
        {
            plan.Add(index, parameters.Classes);
            return;
        }

        SharedRange range = regions.Take(parameters.Region.Of(bytes), parameters.Offset, parameters.ByteSize);
        if (plan.TryAdd(index, range)) return;
        range.Release();
        throw Errors.SharedOverlap(name);
    }

    private static void Adopt(InferenceRequest request, MemoryBlock block, int start, int length)
    {
        block.AddReference();
        request.Block = block;
        request.CopiedBytes += length;
        foreach (ref InputTensor input in request.Inputs) input.Offset += start;
    }

    /// <param name="regions">Where inputs may lie that are in shared memory; null when none is.</param>
    private static void Copy(InferenceRequest request, InferMessage message, ReadOnlySpan<byte> bytes, bool isRaw, long total, BlockPool pool, SharedRegions? regions)
    {
        if (!pool.TryRent(total, BlockOwner.RequestTensors, out MemoryBlock? block)) throw Errors.NoMemory();
        request.Block = block;
        request.CopiedBytes += total;
        long end = 0;
        foreach (ref readonly InferInput input in message.Inputs)
        {
            int index = IndexOf(request.Model.Inputs, input.Name.Of(bytes));
            ref InputTensor tensor = ref request.Inputs[index];
            int offset = (int)Aligned(end);
            Span<byte> to = block.Span.Slice(offset, tensor.ByteLength);
            if (regions is not null && InferParameters.OfTensor(message.Of(input.Parameters), bytes, "", isOutput: false) is { HasRegion: true } parameters) ReadShared(regions, parameters, bytes, to);
            else if (isRaw) bytes.Slice(tensor.Offset, tensor.ByteLength).CopyTo(to);
            else InferContents.Write(input.Body.Of(bytes), tensor.DataType, to, request.Model.Inputs[index].Name);
            tensor.Offset = offset;
            end = (long)offset + tensor.ByteLength;
        }
    }

    private static long Aligned(long offset) => (offset + InferExchange.TensorAlignment - 1) & -InferExchange.TensorAlignment;

    private static int IndexOf(IReadOnlyList<TensorSpec> tensors, ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < tensors.Count; i++)
        {
            if (name.SequenceEqual(tensors[i].Utf8Name)) return i;
        }

        return -1;
    }

    private static InferenceException NoData(InferenceRequest request, string name) =>
        Errors.Invalid($"unable to find data for input tensor '{name}' for model '{request.Model.Name}' in request.");

    private static InferenceException InRequest(InferenceRequest request, string text) =>
        Errors.Invalid($"[request id: {(request.Id.Length > 0 ? request.Id : "<id_unknown>")}] {text}");

    private static string Text(Slice slice, ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(slice.Of(bytes));
}
