using System.Globalization;
using Gateway.Core.Features;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.OpenInference;

/// <summary>Reads one element of a request's <c>inputs</c>; its numbers go straight into the request's block.</summary>
/// <remarks>
/// <c>data</c> is read where it stands when name, type and shape came before it, as every known client sends them; otherwise it is checked, passed over,
/// and read once they are known.
/// </remarks>
internal static class InputReader
{
    /// <returns>Null, or the error of an input that came before, to be reported with the request's id.</returns>
    public static string? Read(ref JsonCursor cursor, InferExchange exchange)
    {
        JsonValues.BeginObject(ref cursor, "inputs");
        InputEntry entry = new();
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString key)) ReadMember(ref cursor, exchange, ref entry, key);

        if (!entry.HasName) throw Errors.Missing("name");
        if (!entry.HasShape) throw Errors.Missing("shape");
        if (!entry.HasDataType) throw Errors.Missing("datatype");
        if (entry.Index < 0) Describe(ref entry, exchange.Request!.Model);
        entry.SharedMemory.Check(exchange.Request!.Model.Inputs[entry.Index].Name);
        CheckSource(entry);
        InferenceRequest request = exchange.Request!;
        if (request.Inputs[entry.Index].IsPresent) return $"input '{entry.Name.ToString()}' already exists in request";
        if (entry.SharedMemory.HasRegion)
        {
            ReadShared(exchange, ref entry);
        }
        else if (entry.HasBinaryBytes)
        {
            // More than any body may have is more than this one has; the reader of the blobs says so.
            entry.ByteLength = (int)Math.Min(entry.BinaryBytes, int.MaxValue);
            exchange.AddBlob(entry.Index, entry.ByteLength);
        }
        else if (!entry.IsDataRead)
        {
            int end = cursor.Position;
            cursor.Position = entry.DataPosition;
            ReadData(ref cursor, exchange, ref entry);
            cursor.Position = end;
        }

        request.Inputs[entry.Index] = new InputTensor { DataType = entry.DataType, Shape = entry.Shape, Offset = entry.Offset, ByteLength = entry.ByteLength, View = entry.HasFeatureView ? FindView(entry.FeatureView, request.Model) : null };
        return null;
    }

    private static FeatureView FindView(JsonString name, ServedModel model) =>
        model.FindFeatureView(name.HasEscapes ? System.Text.Encoding.UTF8.GetBytes(name.ToString()) : name.Raw);

    private static void ReadMember(ref JsonCursor cursor, InferExchange exchange, ref InputEntry entry, JsonString key)
    {
        if (key.Is("name"u8) && !entry.HasName)
        {
            entry.Name = JsonValues.ReadString(ref cursor, "name");
            entry.HasName = true;
        }
        else if (key.Is("datatype"u8) && !entry.HasDataType)
        {
            entry.DataTypeName = JsonValues.ReadString(ref cursor, "datatype");
            entry.HasDataType = true;
        }
        else if (key.Is("shape"u8) && !entry.HasShape)
        {
            ReadShape(ref cursor, ref entry);
        }
        else if (key.Is("parameters"u8) && !entry.HasParameters)
        {
            ReadParameters(ref cursor, ref entry);
        }
        else if (key.Is("data"u8) && entry.DataPosition < 0)
        {
            cursor.Peek();
            entry.DataPosition = cursor.Position;
            if (entry.IsDescribed && !entry.HasBinaryBytes) ReadData(ref cursor, exchange, ref entry);
            else cursor.SkipValue();
        }
        else
        {
            cursor.SkipValue();
        }
    }

    private static void ReadShape(ref JsonCursor cursor, ref InputEntry entry)
    {
        JsonValues.BeginArray(ref cursor, "shape");
        bool isFirst = true;

        // A dimension beyond the signed range turns negative here, and the shape is then found to be invalid.
        while (cursor.TryNextElement(ref isFirst)) entry.HasTooManyDimensions |= !entry.Shape.TryAdd((long)JsonValues.ReadUnsigned(ref cursor, "shape"));
        entry.HasShape = true;
    }

    private static void ReadParameters(ref JsonCursor cursor, ref InputEntry entry)
    {
        JsonValues.BeginObject(ref cursor, "parameters");
        entry.HasParameters = true;
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString key))
        {
            if (key.Is("binary_data_size"u8) && !entry.HasBinaryBytes)
            {
                entry.BinaryBytes = JsonValues.ReadUnsigned(ref cursor, "binary_data_size");
                entry.HasBinaryBytes = true;
            }
            else if (key.Is("feature_view"u8) && !entry.HasFeatureView)
            {
                entry.FeatureView = JsonValues.ReadString(ref cursor, "feature_view");
                entry.HasFeatureView = true;
            }
            else if (!entry.SharedMemory.TryRead(ref cursor, key))
            {
                cursor.SkipValue();
            }
        }
    }

    /// <summary>Looks the input up in the model and checks its type and shape as far as the protocol goes.</summary>
    private static void Describe(ref InputEntry entry, ServedModel model)
    {
        int index = InferExchange.IndexOf(model.Inputs, entry.Name);
        if (index < 0) throw Errors.Invalid($"unexpected inference input '{entry.Name.ToString()}' for model '{model.Name}'");
        string name = model.Inputs[index].Name;
        if (entry.HasTooManyDimensions) throw Errors.Invalid($"invalid shape for input '{name}': more than {TensorShape.MaxRank} dimensions are not supported");
        if (!entry.Shape.TryCountElements(out entry.Elements))
        {
            foreach (long dimension in entry.Shape.Dims)
            {
                if (dimension < 0) throw Errors.Invalid($"invalid shape for input '{name}': shape {entry.Shape} contains one or more invalid dimensions");
            }

            throw Errors.Invalid($"invalid shape for input '{name}': shape {entry.Shape} causes total element count to exceed maximum size of {long.MaxValue}");
        }

        entry.DataType = DataTypes.Parse(entry.DataTypeName.HasEscapes ? System.Text.Encoding.UTF8.GetBytes(entry.DataTypeName.ToString()) : entry.DataTypeName.Raw);
        if (entry.DataType == DataType.Invalid) throw Errors.Invalid($"invalid datatype for input {name}");
        int size = entry.DataType.Size();
        if (size > 0 && entry.Elements > long.MaxValue / size)
        {
            throw Errors.Invalid(
                $"byte size overflow for input '{name}': element count ({entry.Elements}) * data type size ({size}) exceeds maximum allowed size ({long.MaxValue})");
        }

        entry.Index = index;
    }

    private static void CheckSource(in InputEntry entry)
    {
        bool hasData = entry.DataPosition >= 0;
        int sources = (hasData ? 1 : 0) + (entry.HasBinaryBytes ? 1 : 0) + (entry.SharedMemory.HasRegion ? 1 : 0);
        if (sources == 1) return;
        string set = (hasData ? " 'data'" : "") + (entry.HasBinaryBytes ? " 'binary_data_size'" : "") + (entry.SharedMemory.HasRegion ? " 'shared_memory_region'" : "");
        throw Errors.Invalid(
            "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. " +
            (sources == 0 ? "But no field is set" : "But set" + set));
    }

    /// <summary>Copies the input from shared memory, now: what is checked later is then what is used.</summary>
    private static void ReadShared(InferExchange exchange, ref InputEntry entry)
    {
        InferenceRequest request = exchange.Request!;
        SharedRange range = entry.SharedMemory.Take(exchange.Regions);
        try
        {
            if (range.Bytes > int.MaxValue) throw Errors.NoMemory();
            entry.ByteLength = (int)range.Bytes;
            request.CheckInput(entry.Index, new InputTensor { DataType = entry.DataType, Shape = entry.Shape, ByteLength = entry.ByteLength });
            entry.Offset = exchange.Reserve(entry.ByteLength);
            if (entry.ByteLength > 0) range.Read(request.Block!.Span.Slice(entry.Offset, entry.ByteLength));
            request.CopiedBytes += entry.ByteLength;
        }
        finally
        {
            range.Release();
        }
    }

    private static void ReadData(ref JsonCursor cursor, InferExchange exchange, ref InputEntry entry)
    {
        if (entry.Index < 0) Describe(ref entry, exchange.Request!.Model);
        entry.IsDataRead = true;
        if (entry.DataType is DataType.Fp16 or DataType.Bf16)
        {
            throw Errors.Invalid(
                $"receiving {entry.DataType.WireName()} data via JSON is not supported. Please use the binary data format for input {entry.Name.ToString()}");
        }

        if (entry.Elements == 0) cursor.SkipValue();
        else if (entry.DataType == DataType.Bytes) ReadStrings(ref cursor, exchange, ref entry);
        else ReadFixed(ref cursor, exchange, ref entry);
    }

    private static void ReadFixed(ref JsonCursor cursor, InferExchange exchange, ref InputEntry entry)
    {
        long bytes = entry.Elements * entry.DataType.Size();
        if (bytes > exchange.Limit)
        {
            string limit = exchange.Limit.ToString(CultureInfo.InvariantCulture);
            throw Errors.Invalid(
                $"JSON input '{entry.Name.ToString()}' has a byte_size ({bytes} bytes) that exceeds the maximum allowed value of {limit} bytes. " +
                "Use --http-max-input-size to increase the limit.");
        }

        // An element and what separates it from the next take two bytes at least: a shape that claims more allocates nothing.
        if (entry.Elements > (cursor.Length - cursor.Position + 1) / 2)
        {
            cursor.SkipValue();
            throw Errors.Invalid("Failed to parse 'data' field: shape does not match true shape");
        }

        entry.ByteLength = (int)bytes;
        entry.Offset = exchange.Reserve(bytes, ExpectedBytes(exchange, entry, cursor.Length));
        TensorJsonReader.ReadFixed(ref cursor, entry.DataType, exchange.Request!.Block!.Span.Slice(entry.Offset, entry.ByteLength), entry.Name);
    }

    private static void ReadStrings(ref JsonCursor cursor, InferExchange exchange, ref InputEntry entry)
    {
        int start = cursor.Position;
        cursor.SkipValue();
        long most = TensorJsonReader.MostRawBytes(cursor.Position - start);
        cursor.Position = start;
        entry.Offset = exchange.Reserve(most);
        entry.ByteLength = TensorJsonReader.ReadStrings(ref cursor, exchange.Request!.Block!.Span.Slice(entry.Offset, (int)most), entry.Name);
        exchange.TensorBytes = entry.Offset + entry.ByteLength;
    }

    /// <summary>Bytes that all inputs together will take, if all have as many rows as this one; no more than the JSON can bring.</summary>
    private static long ExpectedBytes(InferExchange exchange, in InputEntry entry, int jsonBytes)
    {
        ServedModel model = exchange.Request!.Model;
        if (model.Inputs.Count == 1) return 0;
        long rows = model.Layout.IsBatching && entry.Shape.Rank > 0 ? entry.Shape[0] : 1;
        long total = 0;
        foreach (TensorSpec spec in model.Inputs)
        {
            if (spec.RowBytes > 0) total += Math.Min((spec.RowBytes * rows) + InferExchange.TensorAlignment, exchange.Limit);
        }

        return Math.Min(total, 4L * jsonBytes);
    }
}
