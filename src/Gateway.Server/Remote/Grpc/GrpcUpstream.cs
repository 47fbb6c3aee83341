using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;
using Google.Protobuf;
using ModelConfig = Gateway.Server.Grpc.Messages.ModelConfig;

namespace Gateway.Server.Remote.Grpc;

/// <summary>Talks to a model over the Open Inference Protocol's gRPC, with Triton's method for configurations where the server has it.</summary>
/// <remarks><b>Behaviour</b>: messages are sent and asked for uncompressed. After a batch without an answer the next ones go over new connections, for all share one.</remarks>
internal sealed class GrpcUpstream(RemoteParameters parameters, string name, string? token, BlockPool pool)
    : UpstreamClient(parameters, AddressOf(parameters, name), HttpVersion.Version20, token, pool)
{
    public static MediaTypeHeaderValue ContentType { get; } = new("application/grpc");

    private const string Service = "inference.GRPCInferenceService";
    private const int MostDocumentBytes = 1 << 20;

    private readonly Uri _server = new($"{(parameters.Url.Scheme == "grpcs" ? "https" : "http")}://{parameters.Url.Authority}");

    /// <summary>The model's name there.</summary>
    public string Name => name;

    /// <summary>Its version there; empty for the server's choice.</summary>
    public string Version { get; } = parameters.ModelVersion?.ToString(CultureInfo.InvariantCulture) ?? "";

    public override async Task<UpstreamMetadata> DescribeAsync(CancellationToken cancellation)
    {
        ModelMetadataResponse metadata;
        try
        {
            metadata = await CallAsync("ModelMetadata", new ModelMetadataRequest { Name = Name, Version = Version }, ModelMetadataResponse.Parser, cancellation).ConfigureAwait(false);
        }
        catch (UpstreamException error) when (error.Failure is UpstreamFailure.Refused or UpstreamFailure.Invalid or UpstreamFailure.Failed)
        {
            throw new ModelLoadException($"{Model}: {error.Message}", error);
        }

        int? batchSize = await BatchSizeAsync(cancellation).ConfigureAwait(false);
        return new UpstreamMetadata(new ModelSignature(Tensors(metadata.Inputs, "inputs"), Tensors(metadata.Outputs, "outputs"), batchSize), [.. metadata.Versions]);
    }

    public override IBatchForm FormFor(ModelLayout layout) => new GrpcBatchForm(this, layout);

    public override void NoteSilence() => Renew();

    /// <summary>Calls a method of one message and one answer.</summary>
    /// <param name="content">The message behind its prefix.</param>
    /// <param name="marks">Null for none.</param>
    /// <param name="limit">The most bytes that are read of the answer.</param>
    /// <param name="onHead">Called when the answer has begun; null for nobody.</param>
    /// <returns>The answer's message behind its prefix; the caller's to release.</returns>
    /// <exception cref="UpstreamException">It failed.</exception>
    public async Task<AnswerBody> CallAsync(string method, HttpContent content, string? marks, bool isFresh, long limit, Action? onHead, CancellationToken cancellation)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(_server, $"{Service}/{method}")) { Content = content };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        if (marks is not null) request.Headers.TryAddWithoutValidation(Overflow.Passage.HeaderName, marks);
        using HttpResponseMessage response = await SendAsync(request, isFresh, cancellation).ConfigureAwait(false);
        onHead?.Invoke();
        if (response.StatusCode != HttpStatusCode.OK) throw UpstreamErrors.OfStatus(response.StatusCode, []);
        AnswerBody body = await AnswerBody.ReadAsync(response, Math.Min(int.MaxValue, limit + MessagePrefix.Bytes), Pool, cancellation).ConfigureAwait(false);
        try
        {
            Check(response, body);
            return body;
        }
        catch
        {
            body.Block.Release();
            throw;
        }
    }

    /// <summary>For people: nobody calls it so.</summary>
    private static Uri AddressOf(RemoteParameters parameters, string name)
    {
        string version = parameters.ModelVersion is { } number ? $"/versions/{number.ToString(CultureInfo.InvariantCulture)}" : "";
        return new Uri($"{parameters.Url.Scheme}://{parameters.Url.Authority}/{Uri.EscapeDataString(name)}{version}");
    }

    private async Task<int?> BatchSizeAsync(CancellationToken cancellation)
    {
        try
        {
            ModelConfig? config = (await CallAsync("ModelConfig", new ModelConfigRequest { Name = Name, Version = Version }, ModelConfigResponse.Parser, cancellation).ConfigureAwait(false)).Config;
            if (config is null) return 0;
            if (config.SequenceBatching is not null) throw UpstreamMetadata.Sequences();
            return config.ModelTransactionPolicy is { Decoupled: true } ? throw UpstreamMetadata.Decoupled() : config.MaxBatchSize;
        }
        catch (UpstreamException error) when (error.Failure == UpstreamFailure.Refused)
        {
            // A server of the protocol without Triton's extension.
            return null;
        }
    }

    private async Task<TAnswer> CallAsync<TAnswer>(string method, IMessage message, MessageParser<TAnswer> parser, CancellationToken cancellation)
        where TAnswer : IMessage<TAnswer>
    {
        byte[] bytes = new byte[MessagePrefix.Bytes + message.CalculateSize()];
        MessagePrefix.Write(bytes, isCompressed: false, bytes.Length - MessagePrefix.Bytes);
        message.WriteTo(bytes.AsSpan(MessagePrefix.Bytes));
        using BatchContent content = new(ContentType, bytes);
        AnswerBody body = await CallAsync(method, content, marks: null, isFresh: false, MostDocumentBytes, onHead: null, cancellation).ConfigureAwait(false);
        try
        {
            return parser.ParseFrom(body.Block.Span[MessagePrefix.Bytes..body.Length]);
        }
        catch (InvalidProtocolBufferException error)
        {
            throw AnswerOutputs.Garbage("what is no message of the protocol", error);
        }
        finally
        {
            body.Block.Release();
        }
    }

    /// <summary>Lets one whole message with a good status pass.</summary>
    private static void Check(HttpResponseMessage response, in AnswerBody body)
    {
        if (response.Content.Headers.ContentType?.MediaType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) != true) throw AnswerOutputs.Garbage("what is not gRPC");
        if (!int.TryParse(Header(response, "grpc-status"), NumberStyles.None, CultureInfo.InvariantCulture, out int status))
        {
            throw new UpstreamException(UpstreamFailure.Truncated, $"the server that runs the model broke off within its answer, after {body.Length} bytes");
        }

        if (status != 0) throw UpstreamErrors.OfGrpc(status, Uri.UnescapeDataString(Header(response, "grpc-message")));
        ReadOnlySpan<byte> bytes = body.Block.Span[..body.Length];
        if (bytes.Length < MessagePrefix.Bytes) throw AnswerOutputs.Garbage("no message");
        if (bytes[0] != 0) throw AnswerOutputs.Garbage("a compressed message, which it was not asked for");
        if (!MessagePrefix.IsOfOneMessage(bytes)) throw AnswerOutputs.Garbage("not one whole message");
    }

    /// <summary>Of an answer without messages the trailers are its headers.</summary>
    private static string Header(HttpResponseMessage response, string name)
    {
        if (response.TrailingHeaders.TryGetValues(name, out IEnumerable<string>? values) || response.Headers.TryGetValues(name, out values)) return values.First();
        return "";
    }

    private static IReadOnlyList<TensorSignature> Tensors(IEnumerable<ModelMetadataResponse.Types.TensorMetadata> tensors, string section) =>
        UpstreamMetadata.Checked([.. tensors.Select(tensor => new TensorSignature(tensor.Name, DataTypes.Parse(System.Text.Encoding.UTF8.GetBytes(tensor.Datatype)), [.. tensor.Shape]))], section);
}
