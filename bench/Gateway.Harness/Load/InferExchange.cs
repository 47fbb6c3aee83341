using System.Globalization;
using System.Text;
using Gateway.Harness.Models;

namespace Gateway.Harness.Load;

/// <summary>The bytes of one request, sent again and again, and what its answer must look like.</summary>
/// <param name="Request">Head and body.</param>
/// <param name="OutputBytes">Bytes of the output tensor that the answer must bring.</param>
internal sealed record InferExchange(byte[] Request, int OutputBytes)
{
    /// <summary>Gives each request a number, so that they differ as the numbers do; null for the same request each time.</summary>
    public Func<long>? Numbers { get; init; }

    /// <summary>Makes the next request of those that <see cref="Numbers"/> tells apart; to be sent before the next one is made.</summary>
    public void Advance()
    {
        if (Numbers is not null) Stamp.Write(Request, Numbers());
    }

    /// <summary>A binary infer request.</summary>
    /// <param name="header">A further header; empty for none.</param>
    public static InferExchange For(BenchModel model, int rows = 1, string header = "")
    {
        byte[] tensor = model.RandomRows(rows);
        string json = string.Create(
            CultureInfo.InvariantCulture,
            $"{{\"inputs\":[{{\"name\":\"{BenchModel.InputName}\",\"shape\":[{rows},{string.Join(',', model.InputDims)}],\"datatype\":\"FP32\",\"parameters\":{{\"binary_data_size\":{tensor.Length}}}}}],") +
            $"\"outputs\":[{{\"name\":\"{BenchModel.OutputName}\",\"parameters\":{{\"binary_data\":true}}}}]}}";
        string head = string.Create(
            CultureInfo.InvariantCulture,
            $"POST /v2/models/{model.Name}/infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n") + string.Create(
            CultureInfo.InvariantCulture,
            $"{(header.Length > 0 ? header + "\r\n" : "")}Inference-Header-Content-Length: {json.Length}\r\nContent-Length: {json.Length + tensor.Length}\r\n\r\n");
        return new InferExchange([.. Encoding.ASCII.GetBytes(head + json), .. tensor], rows * model.OutputBytes);
    }
}
