using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.OpenInference;

/// <summary>Reads the JSON part of an infer request, in one pass and without an intermediate object.</summary>
/// <remarks>
/// <b>Behaviour</b>: members come in any order, unknown ones are ignored, of a duplicated one the first counts, as in Triton.
/// <b>Cost</b>: no allocation but for an id.
/// </remarks>
internal static class InferRequestReader
{
    /// <param name="json">The whole JSON part.</param>
    /// <param name="exchange">Its request is filled; blobs that are to follow and outputs that are to be sent are noted there.</param>
    /// <param name="isAllJson">Whether the answer is JSON, whatever the request's parameters say.</param>
    public static void Read(ReadOnlySpan<byte> json, InferExchange exchange, bool isAllJson = false)
    {
        InferenceRequest request = exchange.Request!;
        JsonCursor cursor = new(json);
        cursor.ReadRoot();
        bool hasId = false;
        bool hasParameters = false;
        bool hasInputs = false;
        bool hasOutputs = false;
        bool isBinaryByDefault = false;
        string? duplicate = null;
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString key))
        {
            if (key.Is("id"u8) && !hasId)
            {
                hasId = true;
                request.Id = JsonValues.ReadString(ref cursor, "id").ToString();
            }
            else if (key.Is("parameters"u8) && !hasParameters)
            {
                hasParameters = true;
                isBinaryByDefault = RequestParameters.Read(ref cursor, request);
            }
            else if (key.Is("inputs"u8) && !hasInputs)
            {
                hasInputs = true;
                JsonValues.BeginArray(ref cursor, "inputs");
                bool isFirstInput = true;
                while (cursor.TryNextElement(ref isFirstInput)) duplicate = InputReader.Read(ref cursor, exchange) ?? duplicate;
            }
            else if (key.Is("outputs"u8) && !hasOutputs)
            {
                hasOutputs = true;
                JsonValues.BeginArray(ref cursor, "outputs");
                bool isFirstOutput = true;
                while (cursor.TryNextElement(ref isFirstOutput)) duplicate = OutputReader.Read(ref cursor, exchange) ?? duplicate;
            }
            else
            {
                cursor.SkipValue();
            }
        }

        cursor.ReadEnd();
        if (!hasInputs) throw Errors.Missing("inputs");
        if (duplicate is not null) throw Errors.Invalid($"[request id: {(request.Id.Length > 0 ? request.Id : "<id_unknown>")}] {duplicate}");
        PlanOutputs(exchange, isBinaryByDefault && !isAllJson);
    }

    /// <summary>Makes sure that there are outputs to send and that each can be sent as it is wanted, before anything is run.</summary>
    public static void PlanOutputs(InferExchange exchange, bool isBinaryByDefault)
    {
        ServedModel model = exchange.Request!.Model;
        if (exchange.OutputCount == 0)
        {
            for (int i = 0; i < model.Outputs.Count; i++) exchange.AddOutput(i, isBinaryByDefault);
        }

        foreach (ref OutputPlan plan in exchange.Outputs)
        {
            DataType type = model.Outputs[plan.Index].DataType;
            if (plan.Classes > 0)
            {
                Classification.CheckType(type);
            }
            else if (!plan.IsBinary && !plan.Shared.IsSome && type is (DataType.Fp16 or DataType.Bf16))
            {
                throw Errors.Invalid($"sending {type.WireName()} data via JSON is not supported. Please use the binary data format for output");
            }
        }
    }
}
