using System.Buffers;
using System.IO.Pipelines;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.OpenInference;

/// <summary>Writes the answer of an infer call: a JSON part, then the outputs that are wanted as bytes.</summary>
/// <remarks><b>Cost</b>: outputs go from where the model left them into the connection's pipe, copied once; only the JSON part is put together first.</remarks>
internal static class InferResponseWriter
{
    /// <summary>Makes the JSON part, in the exchange's text.</summary>
    public static void WriteHead(InferExchange exchange)
    {
        InferenceRequest request = exchange.Request!;
        ServedModel model = request.Model;
        MakeClasses(exchange);
        OutputPlan.WriteShared(exchange.Outputs, request);
        TextBuffer text = exchange.Text;
        text.Write((byte)'{');
        if (request.Id.Length > 0)
        {
            text.Write("\"id\":"u8);
            JsonText.WriteString(text, request.Id);
            text.Write((byte)',');
        }

        text.Write("\"model_name\":"u8);
        JsonText.WriteString(text, model.Name);
        text.Write(",\"model_version\":\""u8);
        text.WriteNumber(model.Version);
        text.Write("\",\"outputs\":["u8);
        bool isFirst = true;
        foreach (ref readonly OutputPlan plan in exchange.Outputs)
        {
            if (!isFirst) text.Write((byte)',');
            isFirst = false;
            WriteOutput(exchange, plan);
        }

        text.Write("]}"u8);
    }

    /// <summary>Bytes of the outputs that follow the JSON part.</summary>
    public static long BlobBytes(InferExchange exchange)
    {
        long total = 0;
        foreach (ref readonly OutputPlan plan in exchange.Outputs)
        {
            if (plan.IsBinary) total += Bytes(exchange, plan).Length;
        }

        return total;
    }

    /// <summary>Copies the whole answer to the connection.</summary>
    public static void WriteTo(PipeWriter writer, InferExchange exchange, bool isCompressed)
    {
        if (isCompressed)
        {
            writer.Write(exchange.CompressedText.Written);
            return;
        }

        writer.Write(exchange.Text.Written);
        foreach (ref readonly OutputPlan plan in exchange.Outputs)
        {
            if (plan.IsBinary) writer.Write(Bytes(exchange, plan));
        }
    }

    /// <summary>Makes the whole answer, compressed.</summary>
    public static void Compress(InferExchange exchange, ContentCoding coding)
    {
        TextBuffer compressed = exchange.CompressedText;
        using (Stream stream = Compression.Compress(coding, compressed))
        {
            stream.Write(exchange.Text.Written);
            foreach (ref readonly OutputPlan plan in exchange.Outputs)
            {
                if (plan.IsBinary) stream.Write(Bytes(exchange, plan));
            }
        }
    }

    private static void MakeClasses(InferExchange exchange)
    {
        InferenceRequest request = exchange.Request!;
        foreach (ref OutputPlan plan in exchange.Outputs)
        {
            if (plan.Classes == 0) continue;
            Classification.Write(exchange.ClassText, request.Model.Outputs[plan.Index], request.Outputs[plan.Index], request.Model.Layout.IsBatching, ref plan);
        }
    }

    private static void WriteOutput(InferExchange exchange, in OutputPlan plan)
    {
        InferenceRequest request = exchange.Request!;
        ref readonly OutputTensor output = ref request.Outputs[plan.Index];
        TensorSpec spec = request.Model.Outputs[plan.Index];
        DataType type = plan.Classes > 0 ? DataType.Bytes : output.DataType;
        TextBuffer text = exchange.Text;
        text.Write("{\"name\":"u8);
        JsonText.WriteString(text, spec.Utf8Name);
        text.Write(",\"datatype\":\""u8);
        text.WriteAscii(type.WireName());
        text.Write("\",\"shape\":["u8);
        WriteShape(text, plan.Classes > 0 ? plan.ClassShape : output.Shape);
        if (plan.Shared.IsSome)
        {
            text.Write("]}"u8);
            return;
        }

        ReadOnlySpan<byte> bytes = Bytes(exchange, plan);
        if (plan.IsBinary)
        {
            text.Write("],\"parameters\":{\"binary_data_size\":"u8);
            text.WriteNumber(bytes.Length);
            text.Write("}}"u8);
        }
        else
        {
            text.Write("],\"data\":"u8);
            TensorJsonWriter.Write(text, type, bytes, spec.Name);
            text.Write((byte)'}');
        }
    }

    private static void WriteShape(TextBuffer text, TensorShape shape)
    {
        for (int i = 0; i < shape.Rank; i++)
        {
            if (i > 0) text.Write((byte)',');
            text.WriteNumber(shape[i]);
        }
    }

    private static ReadOnlySpan<byte> Bytes(InferExchange exchange, in OutputPlan plan) =>
        plan.Classes > 0 ? exchange.ClassText.Written.Slice(plan.ClassOffset, plan.ClassLength) : exchange.Request!.Outputs[plan.Index].Bytes;
}
