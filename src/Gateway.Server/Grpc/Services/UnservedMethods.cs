using Gateway.Protocol;
using Gateway.Server.Grpc.Messages;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Services;

/// <summary>Methods of Triton's that this server knows and does not serve: each says so in the words that its clients know.</summary>
internal static class UnservedMethods
{
    private const string NoSharedMemory = "Client shared memory is disabled.";

    public static IEnumerable<GrpcMethod> Make(ILogger logger) =>
    [
        // Nothing is registered, which is an answer.
        new UnaryMethod<SystemSharedMemoryStatusRequest, SystemSharedMemoryStatusResponse>(
            InferenceService.Path("SystemSharedMemoryStatus"),
            SystemSharedMemoryStatusRequest.Parser,
            request => request.Name.Length == 0 ? new SystemSharedMemoryStatusResponse() : throw NotFound("system", request.Name),
            logger),
        new UnaryMethod<CudaSharedMemoryStatusRequest, CudaSharedMemoryStatusResponse>(
            InferenceService.Path("CudaSharedMemoryStatus"),
            CudaSharedMemoryStatusRequest.Parser,
            request => request.Name.Length == 0 ? new CudaSharedMemoryStatusResponse() : throw NotFound("cuda", request.Name),
            logger),
        Refuse<SystemSharedMemoryRegisterRequest, SystemSharedMemoryRegisterResponse>("SystemSharedMemoryRegister", SystemSharedMemoryRegisterRequest.Parser, NoSharedMemory, logger),
        Refuse<SystemSharedMemoryUnregisterRequest, SystemSharedMemoryUnregisterResponse>("SystemSharedMemoryUnregister", SystemSharedMemoryUnregisterRequest.Parser, NoSharedMemory, logger),
        Refuse<CudaSharedMemoryRegisterRequest, CudaSharedMemoryRegisterResponse>("CudaSharedMemoryRegister", CudaSharedMemoryRegisterRequest.Parser, NoSharedMemory, logger),
        Refuse<CudaSharedMemoryUnregisterRequest, CudaSharedMemoryUnregisterResponse>("CudaSharedMemoryUnregister", CudaSharedMemoryUnregisterRequest.Parser, NoSharedMemory, logger),
        Refuse<TraceSettingRequest, TraceSettingResponse>("TraceSetting", TraceSettingRequest.Parser, "the server does not support tracing", logger),
        Refuse<LogSettingsRequest, LogSettingsResponse>("LogSettings", LogSettingsRequest.Parser, "the server does not support dynamic logging", logger),
    ];

    private static UnaryMethod<TRequest, TResponse> Refuse<TRequest, TResponse>(string method, MessageParser<TRequest> parser, string text, ILogger logger)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse> =>
        new(InferenceService.Path(method), parser, _ => throw new InferenceException(StatusCode.Unsupported, text), logger);

    private static InferenceException NotFound(string kind, string name) => new(StatusCode.NotFound, $"Unable to find {kind} shared memory region: '{name}'");
}
