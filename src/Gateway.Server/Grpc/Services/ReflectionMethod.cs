using Gateway.Server.Grpc.Messages.Reflection.V1;
using Gateway.Server.Grpc.Wire;
using Google.Protobuf.Reflection;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Services;

/// <summary>gRPC's server reflection: what services there are, and the files that describe them. Its two versions differ in their names alone.</summary>
internal sealed class ReflectionMethod(string version, GrpcStop stop, ILogger logger) : GuardedMethod($"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo", logger)
{
    private static readonly FileDescriptor[] Files = Collect(
        Messages.GrpcServiceReflection.Descriptor,
        Messages.Health.HealthReflection.Descriptor,
        ReflectionReflection.Descriptor,
        Messages.Reflection.V1Alpha.ReflectionReflection.Descriptor);

    private static readonly string[] Services = [.. Files.SelectMany(file => file.Services).Select(service => service.FullName).Order(StringComparer.Ordinal)];

    protected override async Task InvokeAsync(GrpcCall call)
    {
        call.Begin();
        using (stop.Token.UnsafeRegister(static call => ((GrpcCall)call!).CancelRead(), call))
        {
            while (await GrpcMessages.ReadAsync(call, ServerReflectionRequest.Parser, isStream: true).ConfigureAwait(false) is { } request)
            {
                await GrpcMessages.SendAsync(call, Answer(request)).ConfigureAwait(false);
            }
        }

        if (stop.Token.IsCancellationRequested) call.Fail(GrpcStatus.Unavailable, GrpcStop.Text);
        else call.Succeed();
    }

    private static ServerReflectionResponse Answer(ServerReflectionRequest request)
    {
        ServerReflectionResponse response = new() { ValidHost = request.Host, OriginalRequest = request };
        switch (request.MessageRequestCase)
        {
            case ServerReflectionRequest.MessageRequestOneofCase.ListServices:
                response.ListServicesResponse = new ListServiceResponse { Service = { Services.Select(name => new ServiceResponse { Name = name }) } };
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileByFilename:
                Describe(response, Files.FirstOrDefault(file => file.Name == request.FileByFilename), request.FileByFilename);
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileContainingSymbol:
                Describe(response, Files.FirstOrDefault(file => Has(file, request.FileContainingSymbol)), request.FileContainingSymbol);
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.AllExtensionNumbersOfType when Files.Any(file => Has(file, request.AllExtensionNumbersOfType)):
                response.AllExtensionNumbersResponse = new ExtensionNumberResponse { BaseTypeName = request.AllExtensionNumbersOfType };
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.AllExtensionNumbersOfType:
                Describe(response, null, request.AllExtensionNumbersOfType);
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileContainingExtension:
                Describe(response, null, $"{request.FileContainingExtension.ContainingType} extension {request.FileContainingExtension.ExtensionNumber}");
                break;
            default:
                response.ErrorResponse = new ErrorResponse { ErrorCode = (int)GrpcStatus.InvalidArgument, ErrorMessage = "the request asks for nothing" };
                break;
        }

        return response;
    }

    /// <summary>Answers with a file and all that it needs.</summary>
    private static void Describe(ServerReflectionResponse response, FileDescriptor? file, string asked)
    {
        if (file is null) response.ErrorResponse = new ErrorResponse { ErrorCode = (int)GrpcStatus.NotFound, ErrorMessage = $"there is no {asked}" };
        else response.FileDescriptorResponse = new FileDescriptorResponse { FileDescriptorProto = { Collect(file).Reverse().Select(each => each.SerializedData) } };
    }

    private static bool Has(FileDescriptor file, string symbol) =>
        file.Services.Any(service => service.FullName == symbol || service.Methods.Any(method => method.FullName == symbol))
        || file.EnumTypes.Any(type => type.FullName == symbol)
        || file.MessageTypes.Any(type => Has(type, symbol));

    private static bool Has(MessageDescriptor type, string symbol) =>
        type.FullName == symbol || type.Fields.InDeclarationOrder().Any(field => field.FullName == symbol)
        || type.EnumTypes.Any(each => each.FullName == symbol) || type.NestedTypes.Any(each => Has(each, symbol));

    /// <summary>The files and what they import, each after what it needs.</summary>
    private static FileDescriptor[] Collect(params FileDescriptor[] files)
    {
        List<FileDescriptor> all = [];
        foreach (FileDescriptor file in files) Add(file);
        return [.. all];

        void Add(FileDescriptor file)
        {
            foreach (FileDescriptor needed in file.Dependencies) Add(needed);
            if (!all.Contains(file)) all.Add(file);
        }
    }
}
